"""What a view may return besides one provider's stream: iterables, generators, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from flask import Response, abort, current_app, g, redirect, request, session
from markupsafe import Markup

from flask_stream import (
    Data,
    Meta,
    ProviderError,
    Reasoning,
    Refusal,
    Result,
    Source,
    StreamFailed,
    Text,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
    after_this_stream,
    relay,
)
from tests.conftest import Site, said
from tests.overdue import LONG, time_is_up
from tests.provider import TEXT, WIRES, Provider, told

TOOL = {
    "anthropic": told("anthropic", "thinking_tool"),
    "openai_chat": told("openai_chat", "reasoning_tool"),
    "openai_responses": told("openai_responses", "reasoning_tool"),
}


def answer_without_id(events: list[Any]) -> list[Any]:
    assert events[0][0] == "start"
    return events[1:]


def done(text: str, **more: Any) -> tuple[str, Any]:
    return "done", {"stop_reason": "stop", "text_length": len(text), **more}


# -- iterables --------------------------------------------------------------------------------


WORDS = [("text", {"text": "one "}), ("text", {"text": "two"}), done("one two")]


@pytest.mark.parametrize(
    "iterable",
    [
        lambda: ["one ", "two"],
        lambda: iter(["one ", "two"]),
        lambda: (word for word in ["one ", "two"]),
        lambda: dict.fromkeys(["one ", "two"]).keys(),
        lambda: [Text("one "), "two"],
        lambda: iter([Text("one "), Text("two")]),
        lambda: ["", "one ", "", "two", ""],
    ],
    ids=["list", "iterator", "generator", "view of a dict", "mixed", "events", "empty words"],
)
def test_an_iterable_of_words_or_events(site: Site, iterable: Any) -> None:
    site.view(iterable)
    assert answer_without_id(site.events()) == WORDS


@pytest.mark.parametrize("iterable", [list, lambda: iter(())], ids=["list", "iterator"])
def test_nothing_at_all_is_an_empty_answer(site: Site, iterable: Any) -> None:
    site.view(iterable)
    assert answer_without_id(site.events()) == [done("")]


def test_a_view_that_is_a_generator_function(site: Site) -> None:
    @site.view
    def view() -> Iterator[Any]:
        yield "one "
        yield "two"

    assert answer_without_id(site.events()) == WORDS


def test_a_generator_view_gets_the_arguments_of_its_url(site: Site) -> None:
    @site.app.get("/<int:times>/<word>")
    @site.stream.response
    def repeat(times: int, word: str) -> Iterator[str]:
        yield from [word] * times

    assert b'"text_length":9' in site.app.test_client().get("/3/hey").data


def test_generators_may_be_nested(site: Site) -> None:
    def inner() -> Iterator[Any]:
        yield "two"
        return "the inner's own value"

    @site.view
    def view() -> Iterator[Any]:
        yield "one "
        assert (yield from inner()) == "the inner's own value"

    assert answer_without_id(site.events()) == WORDS


def test_every_event_of_the_vocabulary_that_an_app_may_yield(site: Site) -> None:
    site.view(
        lambda: [
            Meta(provider="mine", model="m", response_id="r"),
            Reasoning("Hm. "),
            Text("Yes. "),
            Refusal("No."),
            ToolCallStart("c1", "look"),
            ToolCallDelta("c1", '{"at":'),
            ToolCallDelta("c1", "1}"),
            ToolCall("c1", "look", {"at": 1}),
            ToolResult("c1", {"seen": None}, name="look"),
            ToolResult("c2", "No such tool", is_error=True),
            Source(url="https://example.org/", title="An example"),
            Usage(input_tokens=1, output_tokens=0),
            Data("progress", {"done": 3, "of": [1, None, "ü"]}),
            Data("null", None),
        ]
    )
    assert answer_without_id(site.events()) == [
        ("meta", {"provider": "mine", "model": "m", "response_id": "r"}),
        ("reasoning", {"text": "Hm. "}),
        ("text", {"text": "Yes. "}),
        ("refusal", {"text": "No."}),
        ("tool_call_start", {"id": "c1", "name": "look"}),
        ("tool_call_delta", {"id": "c1", "arguments": '{"at":'}),
        ("tool_call_delta", {"id": "c1", "arguments": "1}"}),
        ("tool_call", {"id": "c1", "name": "look", "arguments": {"at": 1}}),
        ("tool_result", {"id": "c1", "name": "look", "result": {"seen": None}}),
        ("tool_result", {"id": "c2", "result": "No such tool", "is_error": True}),
        ("source", {"url": "https://example.org/", "title": "An example"}),
        ("usage", {"input_tokens": 1, "output_tokens": 0}),
        ("progress", {"done": 3, "of": [1, None, "ü"]}),
        ("null", None),
        done("Yes. ", usage={"input_tokens": 1, "output_tokens": 0}),
    ]


# -- relay ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_relay_passes_every_event_on_and_gives_back_the_result(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    results: list[Result] = []

    @site.view
    def view() -> Iterator[Any]:
        yield "Before. "
        results.append((yield from relay(provider.create(wire))))
        yield " After."

    events = site.events()
    assert said(events) == f"Before. {TEXT} After."
    assert events[-1][1]["stop_reason"] == "stop"
    [result] = results
    assert (result.text, result.outcome, result.stop_reason) == (TEXT, "complete", "stop")


@pytest.mark.parametrize("wire", WIRES)
def test_a_tool_loop_adds_its_usage_up_and_keeps_its_steps(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(TOOL[wire], told(wire))
    runs: list[Result] = []
    steps: list[Result] = []

    @site.view(on_finish=runs.append)
    def view() -> Iterator[Any]:
        result = None
        while result is None or result.tool_calls:
            result = yield from relay(provider.create(wire))
            steps.append(result)
            for call in result.tool_calls:
                yield ToolResult(call.id, f"{call.arguments['harbour']}: high", name=call.name)

    events = site.events()
    [run] = runs
    assert run.steps == steps
    assert [step.stop_reason for step in steps] == ["tool_calls", "stop"]
    assert [call.name for call in run.tool_calls] == ["tide_table"]
    assert [result.result for result in run.tool_results] == ["Tern Point: high"]
    assert run.text == f"{steps[0].text}\n\n{steps[1].text}" == said(events)
    assert (run.message, run.stop_reason) == (steps[1].message, "stop")

    for count in ("input_tokens", "output_tokens"):
        each = [getattr(step.usage, count) for step in steps]
        assert getattr(run.usage, count) == sum(each)
        assert [data[count] for name, data in events if name == "usage"] == [each[0], sum(each)]
    assert events[-1][0] == "done"
    assert events[-1][1]["usage"] == run.usage.payload()


def test_usage_of_the_apps_own_is_added_to_the_providers(site: Site, provider: Provider) -> None:
    provider.play(told("openai_chat"))

    @site.view
    def view() -> Iterator[Any]:
        yield Usage(input_tokens=1000, output_tokens=100)  # an embedding, say
        yield from relay(provider.create("openai_chat"))
        yield Usage(output_tokens=1)

    usages = [data for name, data in site.events() if name in ("usage", "done")]
    assert [u.get("usage", u)["output_tokens"] for u in usages] == [100, 117, 118, 118]
    assert usages[-1]["usage"]["input_tokens"] == 1051


@pytest.mark.parametrize("wire", WIRES)
def test_a_provider_that_fails_can_be_replaced_by_another(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire, "error"), told(wire))
    caught: list[ProviderError] = []

    @site.view
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.create(wire))
        except ProviderError as error:
            caught.append(error)
            yield "\n\nOnce more: "
            yield from relay(provider.create(wire))

    events = site.events()
    assert said(events) == f"The lamp \n\nOnce more: {TEXT}"
    assert events[-1][0] == "done"
    assert caught[0].result.text == "The lamp "
    assert caught[0].result.outcome == "failed"


@pytest.mark.parametrize("wire", WIRES)
def test_a_manager_that_cannot_be_entered_can_be_replaced_too(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.run(lambda exchange: exchange.answer(429, {"error": {"message": "no"}}))
    caught: list[ProviderError] = []

    @site.view
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.helper(wire))
        except ProviderError as error:
            caught.append(error)
            yield "Nobody answers."

    assert answer_without_id(site.events()) == [
        ("text", {"text": "Nobody answers."}),
        done("Nobody answers."),
    ]
    assert caught[0].error_code == "rate_limited"
    assert caught[0].result.text == ""


def test_the_request_the_session_and_the_app_are_there_in_a_generator(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        g.kept = "kept "
        session["name"] = "Ada"
        yield "first "
        yield request.args["q"] + " "
        yield session["name"] + " "
        yield current_app.name + " "
        yield g.kept

    assert said(site.events(query_string={"q": "why"})) == "first why Ada site kept "


def test_the_session_is_saved_as_it_is_when_the_first_item_is_taken(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        session["count"] = session.get("count", 0) + 1
        yield str(session["count"])

    client = site.app.test_client()
    assert [b'"text":"2"' in client.post("/").data for _ in range(3)] == [False, True, False]


def test_after_this_stream_works_inside_a_generator(site: Site) -> None:
    results: list[Result] = []

    @site.view
    def view() -> Iterator[str]:
        after_this_stream(results.append)
        yield "one "
        after_this_stream(results.append)
        yield "two"

    site.events()
    assert [result.text for result in results] == ["one two", "one two"]


# -- refusals and failures --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "status", "body"),
    [
        (lambda: "Not today", 200, b"Not today"),
        (lambda: b"Not today", 200, b"Not today"),
        (lambda: Response("Not today", status=409), 409, b"Not today"),
        (lambda: {"why": "not"}, 200, b'{"why":"not"}\n'),
        (lambda: ({"why": "not"}, 402), 402, b'{"why":"not"}\n'),
        (lambda: ("Not today", 418, {"X-Why": "tea"}), 418, b"Not today"),
        (lambda: (["a", "list"], 200), 200, b'["a","list"]\n'),
    ],
    ids=["str", "bytes", "Response", "dict", "dict and status", "headers", "list and status"],
)
def test_what_is_no_stream_goes_through_untouched(
    site: Site, refusal: Any, status: int, body: bytes
) -> None:
    results: list[Result] = []
    site.view(on_finish=results.append)(refusal)
    response = site.ask()
    assert (response.status_code, response.data) == (status, body)
    assert "X-Accel-Buffering" not in response.headers
    assert results == []


def test_a_redirect_goes_through_untouched(site: Site) -> None:
    site.view(lambda: redirect("/login"))
    response = site.ask()
    assert (response.status_code, response.location) == (302, "/login")


@pytest.mark.parametrize("in_generator", [False, True])
def test_abort_before_the_first_item_has_its_status(site: Site, in_generator: bool) -> None:
    def generator() -> Iterator[str]:
        abort(403)
        yield "never"

    site.view(generator if in_generator else lambda: abort(403))
    assert site.ask().status_code == 403


def test_abort_with_a_response_sends_it(site: Site) -> None:
    site.view(lambda: abort(Response("Closed", status=410)))
    response = site.ask()
    assert (response.status_code, response.data) == (410, b"Closed")


def test_an_apps_errorhandler_answers_what_a_generator_raises_before_its_first_item(
    site: Site,
) -> None:
    class NoMoney(Exception):
        pass

    @site.view
    def view() -> Iterator[str]:
        raise NoMoney
        yield "never"

    @site.app.errorhandler(NoMoney)
    def handle(error: NoMoney) -> Any:
        return "Pay first", 402

    response = site.ask()
    assert (response.status_code, response.data) == (402, b"Pay first")


def test_stream_failed_ends_a_run_with_a_message_of_the_apps_own(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "As far as "
        raise StreamFailed("Quota used up", error_code="quota", retryable=False)

    assert answer_without_id(site.events()) == [
        ("text", {"text": "As far as "}),
        ("failed", {"code": "quota", "message": "Quota used up", "retryable": False}),
    ]


def test_stream_failed_before_the_first_byte_is_an_http_error(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        raise StreamFailed("Come back later", error_code="overloaded", retryable=True)
        yield "never"

    response = site.ask()
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.json == {"code": "overloaded", "message": "Come back later", "retryable": True}


def test_abort_in_the_middle_ends_the_run_with_its_message(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "one"
        abort(403, "Your trial is over.")

    assert site.events()[-1] == (
        "failed",
        {"code": "auth", "message": "Your trial is over.", "retryable": False},
    )


# -- texts that UTF-8 cannot carry ------------------------------------------------------------


def test_a_character_that_two_words_split_is_put_together_again(site: Site) -> None:
    site.view(lambda: ["a \ud83d", "\udd26 lamp"])
    events = site.events()
    assert said(events) == "a 🔦 lamp"
    assert events[-1] == done("a 🔦 lamp\0")


def test_half_a_character_that_stays_alone_is_replaced(site: Site) -> None:
    site.view(lambda: ["a \ud83d", "b", Data("note", "\ud83d"), "\udd26"])
    events = site.events()
    assert said(events) == "a \ufffdb\ufffd"
    assert ("note", "\ufffd") in events


# -- what leaves when -------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_what_a_generator_passes_on_has_left_before_it_goes_on(
    site: Site, provider: Provider, wire: str
) -> None:
    """The provider's words all come in one read; between them the app may take its time."""
    provider.play(TOOL[wire])
    written, called = bytearray(), list[str]()

    def view() -> Iterator[Any]:
        for event in relay(provider.create(wire)):
            yield event
            if isinstance(event, ToolCall):
                called.append(written.decode())

    site.view(view)
    for data in site.ask(buffered=False).response:
        written += data
    assert [before.count("event: tool_call\n") for before in called] == [1]
    assert "event: done" not in called[0]


@pytest.mark.parametrize("wire", WIRES)
def test_what_one_read_brings_of_a_returned_stream_leaves_in_one_write(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.create(wire))
    writes = [bytes(data) for data in site.ask(buffered=False).response]
    assert said(site.events()) == TEXT
    assert max(data.count(b"event: text\n") for data in writes) > 1


def test_an_event_with_a_field_of_a_wrong_type_is_refused_where_it_is_yielded(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.view(lambda: iter(["one", Meta(model=3)]))  # type: ignore[arg-type]
    assert [name for name, _ in site.events()] == ["start", "text", "failed"]
    assert "was yielded, but: meta.model must be str | None, not int." in caplog.text


@pytest.mark.parametrize("wire", WIRES)
def test_a_run_whose_time_is_up_ends_between_two_words_of_one_read(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(TOOL[wire])
    passed: list[Any] = []

    def view() -> Iterator[Any]:
        for event in relay(provider.create(wire)):
            passed.append(event)
            if len(passed) == 4:  # Step, Meta, and the first of what the read brought
                time_is_up()
            yield event

    site.view(max_seconds=LONG)(view)
    assert site.events()[-1][1]["code"] == "timeout"
    assert len(passed) == 4


@pytest.mark.parametrize("text", [Markup("a&amp;b"), type("Own", (str,), {})("a")])
def test_a_str_of_the_apps_own_class_is_a_str_in_every_event(site: Site, text: str) -> None:
    site.view(lambda: [text, Source(url=text), Meta(model=text), ToolCallStart(text, text)])
    assert [name for name, _ in site.events()][1:] == [
        *("text", "source", "meta", "tool_call_start", "done"),
    ]


_GROUP = BaseExceptionGroup("of a loop", [asyncio.CancelledError()])


@pytest.mark.parametrize(
    "error", [GeneratorExit(), asyncio.CancelledError(), _GROUP], ids=lambda error: type(error)
)
@pytest.mark.parametrize("first", ["before its first word", "later"])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_would_end_the_servers_own_code_fails_the_run(
    site: Site, error: BaseException, first: str, is_async: bool
) -> None:
    """A `CancelledError` is that of a loop of the app's, or a library's, that has been left."""

    async def of_loop() -> AsyncIterator[str]:
        for each in view():
            yield each

    def view() -> Iterator[str]:
        if first == "later":
            yield "one"
        raise error

    site.view(of_loop if is_async else view)
    if first == "later":
        name, data = site.events()[-1]
        assert (name, data["code"]) == ("failed", "internal")
    else:
        assert site.ask().status_code == 500
