"""Mistakes that are easily made: each message says what is, what was expected, what to do."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from flask import Response, redirect
from werkzeug.exceptions import Forbidden

from flask_stream import (
    ProviderError,
    SourceError,
    bridge,
    relay,
)
from flask_stream.events import Done, Failed, Start
from tests.conftest import Site, said
from tests.provider import TEXT, WIRES, Exchange, Provider, told


@pytest.fixture(autouse=True)
def _exceptions_reach_the_test(site: Site) -> None:
    site.app.testing = True


def refusal(site: Site, view: Callable[[], Any]) -> str:
    """What the developer is told when `view` is asked; it is a TypeError."""
    site.view(view)
    with pytest.raises(SourceError) as told:
        site.ask()
    assert isinstance(told.value, TypeError)
    return str(told.value)


def refused() -> httpx.HTTPStatusError:
    """What httpx's `raise_for_status` raises."""
    request = httpx.Request("POST", "http://localhost/save")
    return httpx.HTTPStatusError("no", request=request, response=httpx.Response(503))


def failure(site: Site, caplog: pytest.LogCaptureFixture, view: Callable[[], Any]) -> str:
    """The same for what comes after the first byte: the page is told nothing, the log all."""
    site.view(view)
    events = site.events()
    assert events[-1][0] == "failed"
    assert events[-1][1]["code"] == "internal"
    [record] = [r for r in caplog.records if r.name == "flask_stream"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    error = record.exc_info[1]
    assert isinstance(error, TypeError)
    assert str(error) not in str(events)
    return str(error)


# -- what a view returns ----------------------------------------------------------------------


def test_a_view_that_returns_none_is_refused(site: Site) -> None:
    message = refusal(site, lambda: None)
    assert "endpoint 'view' returned None" in message
    assert "did a return statement go missing?" in message


@pytest.mark.parametrize("value", [{"error": "No."}, 3], ids=repr)
def test_what_is_no_stream_is_told_of_where_one_was_asked_for(site: Site, value: Any) -> None:
    site.view(lambda: value)
    told = f"endpoint 'view' returned something of type {type(value).__name__}, which is no stream"
    with pytest.warns(UserWarning, match=told), suppress(TypeError):  # Flask's, of a number
        site.ask(headers={"Accept": "text/event-stream"})


@pytest.mark.parametrize(
    "value",
    [redirect("/login"), ({"error": "No."}, 403), Response("page"), Forbidden()],
    ids=["redirect", "refusal", "response", "error"],
)
def test_a_response_is_meant_as_it_is(site: Site, value: Any) -> None:
    site.view(lambda: value)
    assert site.ask(headers={"Accept": "text/event-stream"}).status_code in (200, 302, 403)


def test_who_asks_for_json_may_get_a_dict(site: Site) -> None:
    site.view(lambda: {"error": "No."})
    assert site.ask(headers={"Accept": "application/json"}).json == {"error": "No."}


def complete_answer(provider: Provider, wire: str) -> Any:
    """What an SDK gives that was not asked to stream."""
    answers = {
        "anthropic": {"type": "message", "role": "assistant", "content": []},
        "openai_chat": {"object": "chat.completion", "choices": []},
        "openai_responses": {"object": "response", "output": []},
    }
    provider.run(lambda exchange: exchange.answer(200, answers[wire]))
    asked: Any = {"model": "m"}
    if wire == "anthropic":
        return provider.anthropic.messages.create(max_tokens=1, messages=[], **asked)
    if wire == "openai_chat":
        return provider.openai.chat.completions.create(messages=[], **asked)
    return provider.openai.responses.create(input="?", **asked)


def yielding(*items: Any) -> Iterator[Any]:
    yield from items


ANSWERED: dict[str, Callable[[Any], Any]] = {
    "returned": lambda answer: answer,
    "in a list": lambda answer: [answer],
    "yielded": yielding,
    "yielded behind a word": lambda answer: yielding("one", answer),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", ANSWERED)
def test_a_complete_answer_is_refused(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture, wire: str, how: str
) -> None:
    def view() -> Any:
        return ANSWERED[how](complete_answer(provider, wire))

    if how == "yielded behind a word":
        site.view(view)
        name, failed = site.events()[-1]
        assert (name, failed["code"]) == ("failed", "internal")
        message = caplog.text
    else:
        message = refusal(site, view)
    kind = {"anthropic": "Message", "openai_chat": "ChatCompletion"}.get(wire, "Response")
    assert f"a {kind}, a complete answer" in message
    assert "stream=True" in message


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_relayed_is_no_stream_where_its_first_item_is_a_complete_answer(
    site: Site, provider: Provider, wire: str
) -> None:
    message = refusal(site, lambda: relay(yielding(complete_answer(provider, wire))))
    assert "which is no provider's stream" in message


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", ["returned", "relayed", "async"])
def test_what_stands_behind_a_loop_over_a_stream_is_run(
    site: Site, provider: Provider, wire: str, way: str
) -> None:
    """Also where the provider's last word has come before: it may save what was said."""
    provider.play(told(wire))
    ran: list[str] = []

    def passed_on() -> Iterator[Any]:
        yield from provider.create(wire)
        ran.append("behind")

    async def passed_on_async() -> AsyncIterator[Any]:
        for item in provider.create(wire):
            yield item
        ran.append("behind")

    if way == "relayed":
        site.view(lambda: relay(passed_on()))
    else:
        site.view(passed_on_async if way == "async" else passed_on)
    events = site.events()
    assert (said(events), events[-1][0], ran) == (TEXT, "done", ["behind"])


@pytest.mark.parametrize("wire", ["anthropic", "openai_responses"])
def test_a_second_stream_behind_the_first_ones_end_is_told_of(
    site: Site, provider: Provider, wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.play(told(wire))

    def view() -> Iterator[Any]:
        yield from provider.create(wire)
        yield from provider.create(wire)

    site.view(view)
    events = site.events()
    assert (said(events), events[-1][0]) == (TEXT, "failed")
    assert "yield from relay(stream)" in caplog.text


@pytest.mark.parametrize("wire", WIRES)
def test_words_among_a_streams_items_are_told_of(
    site: Site, provider: Provider, wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.play(told(wire))

    def view() -> Iterator[Any]:
        yield from provider.create(wire)
        yield "That is all."

    site.view(view)
    assert site.events()[-1][0] == "failed"
    assert "gave a str among its items. Where it is a generator of yours" in caplog.text


@pytest.mark.parametrize("wire", WIRES)
def test_what_an_sdk_gives_behind_its_last_word_changes_nothing(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))

    def view() -> Iterator[Any]:
        for item in provider.create(wire):
            yield item
        yield item

    site.view(view)
    events = site.events()
    assert (said(events), events[-1][0]) == (TEXT, "done")


@pytest.mark.parametrize("wire", WIRES)
def test_a_mistake_behind_a_loop_over_a_stream_is_the_apps(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))

    def view() -> Iterator[Any]:
        yield from provider.create(wire)
        raise ZeroDivisionError

    site.view(view)
    name, data = site.events()[-1]
    assert (name, data["code"]) == ("failed", "internal")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("none there"), refused(), ProviderError("truncated")],
    ids=lambda error: type(error).__name__,
)
def test_what_the_apps_own_client_meets_behind_the_loop_is_no_lost_connection(
    site: Site, provider: Provider, wire: str, error: Exception
) -> None:
    """It was to save what was said, so `done` must not say that it is."""
    provider.play(told(wire))

    async def view() -> AsyncIterator[Any]:
        for item in provider.create(wire):
            yield item
        raise error

    site.view(view)
    assert site.events()[-1][0] == "failed"


async def yielding_async() -> AsyncIterator[str]:
    yield "Hello"


@pytest.mark.parametrize("give", [lambda read: read, relay], ids=["returned", "relayed"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_that_somebody_has_read_is_refused(
    site: Site, give: Callable[[Any], Any], is_async: bool
) -> None:
    def view() -> Any:
        read: Any = yielding_async() if is_async else yielding("Hello")
        assert list(bridge(read) if is_async else read) == ["Hello"]
        return give(read)

    assert "was read to its end" in refusal(site, view)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", ["create", "helper"])
def test_a_stream_from_inside_its_with_block_is_refused(
    site: Site, provider: Provider, wire: str, way: str
) -> None:
    provider.play(told(wire))

    def view() -> Any:
        with getattr(provider, way)(wire) as stream:
            return stream

    message = refusal(site, view)
    assert "is closed" in message
    assert "outside of a with block" in message


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("ended", [True, False])
def test_a_manager_that_was_used_before_does_not_ask_the_provider_again(
    site: Site, provider: Provider, wire: str, ended: bool
) -> None:
    provider.play(told(wire))

    def view() -> Any:
        manager = provider.helper(wire)
        stream = manager.__enter__()
        if ended:
            manager.__exit__(None, None, None)
        streams.append(stream)
        return manager

    streams: list[Any] = []
    message = refusal(site, view)
    streams[0].close()
    assert "was used before" in message
    assert "a second time" in message
    assert len(provider.requests) == 1


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", ["create", "helper"])
def test_a_stream_that_was_read_to_its_end_is_refused(
    site: Site, provider: Provider, wire: str, way: str
) -> None:
    provider.play(told(wire))

    def view() -> Any:
        stream = getattr(provider, way)(wire)
        stream = stream.__enter__() if way == "helper" else stream
        list(stream)
        return stream

    message = refusal(site, view)
    assert "read to its end" in message
    assert "unread" in message


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("kind", ["with_raw_response", "with_streaming_response"])
def test_a_raw_response_that_was_not_parsed_is_refused(
    site: Site, provider: Provider, wire: str, kind: str
) -> None:
    provider.play(told(wire))
    asked: Any = {"model": "m", "stream": True}
    api = {
        "anthropic": lambda: provider.anthropic.messages,
        "openai_chat": lambda: provider.openai.chat.completions,
        "openai_responses": lambda: provider.openai.responses,
    }[wire]()
    more: Any = {"input": "?"} if wire == "openai_responses" else {"messages": []}
    if wire == "anthropic":
        more["max_tokens"] = 1
    message = refusal(site, lambda: getattr(api, kind).create(**asked, **more))
    assert kind in message
    advice = {"with_raw_response": ".parse()", "with_streaming_response": "create(stream=True)"}
    assert advice[kind] in message


@pytest.mark.parametrize("wire", WIRES)
def test_a_tuple_that_begins_with_a_stream_is_refused(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    message = refusal(site, lambda: (provider.create(wire), 201))
    assert "a tuple that begins with a stream (Stream)" in message
    assert "return the stream alone" in message
    assert "after_this_request" in message


@pytest.mark.parametrize("way", ["helper", "post"])
def test_a_tuple_that_begins_with_another_kind_of_stream_is_refused(
    site: Site, provider: Provider, way: str
) -> None:
    provider.play(told("anthropic"))
    stream = getattr(provider, way)("anthropic")
    try:
        assert "begins with a stream" in refusal(site, lambda: (stream, {"X-Mine": "1"}))
    finally:
        if way == "post":
            stream.close()


def test_a_tuple_that_begins_with_a_generator_is_refused(site: Site) -> None:
    assert "(generator)" in refusal(site, lambda: ((word for word in "ab"), 200))


def test_a_response_that_is_an_event_stream_already_goes_out_with_a_warning(site: Site) -> None:
    site.view(lambda: Response(iter(["data: hi\n\n"]), mimetype="text/event-stream"))
    with pytest.warns(UserWarning, match="text/event-stream already") as warned:
        response = site.ask()
    assert response.data == b"data: hi\n\n"
    assert "take @stream.response off" in str(warned[0].message)


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
def test_a_text_that_is_returned_as_it_is_goes_out_with_a_warning_to_who_wants_a_stream(
    site: Site, recwarn: pytest.WarningsRecorder, accept: str
) -> None:
    site.view(lambda: "just words")
    response = site.app.test_client().get("/", headers={"Accept": accept})
    assert response.text == "just words"
    told = [str(each.message) for each in recwarn]
    assert len(told) == (accept == "text/event-stream")
    assert all("or a list of str: [text]" in each for each in told)


# -- requests ---------------------------------------------------------------------------------


def test_a_response_of_requests_without_stream_is_refused(site: Site, provider: Provider) -> None:
    provider.play(told("openai_chat"))
    message = refusal(site, lambda: provider.post("openai_chat", stream=False))
    assert "has been read already" in message
    assert "requests.post(…, stream=True)" in message


def serving(content_type: str, body: bytes) -> Callable[[Exchange], None]:
    def script(exchange: Exchange) -> None:
        exchange.start(content_type)
        exchange.send(body)
        exchange.end()

    return script


def test_a_response_of_requests_with_ollamas_newline_delimited_json_is_refused(
    site: Site, provider: Provider
) -> None:
    line = b'{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n'
    provider.run(serving("application/x-ndjson", line))
    message = refusal(site, lambda: provider.post("openai_chat"))
    assert "application/x-ndjson, not text/event-stream" in message
    assert "Ollama" in message
    assert "/v1/chat/completions" in message


@pytest.mark.parametrize(
    ("content_type", "advice"),
    [
        ("application/json", '"stream": true'),
        ("text/html; charset=utf-8", "Check that the URL is the streaming endpoint"),
    ],
)
def test_a_response_of_requests_with_something_else_is_refused(
    site: Site, provider: Provider, content_type: str, advice: str
) -> None:
    provider.run(serving(content_type, b"{}"))
    message = refusal(site, lambda: provider.post("openai_chat"))
    assert f"is {content_type}, not text/event-stream" in message
    assert advice in message


def test_requests_that_got_an_error_status_are_told_which(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    site.app.testing = False
    provider.run(lambda exchange: exchange.answer(401, {"error": {"message": "Bad key"}}))
    site.view(lambda: provider.post("openai_chat"))
    response = site.ask()
    assert response.status_code == 502
    assert response.json["code"] == "auth"
    assert "status 401" in caplog.text


def test_a_response_of_requests_without_sseclient_is_refused(
    site: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.play(told("openai_chat"))
    monkeypatch.setitem(sys.modules, "sseclient", None)
    with provider.post("openai_chat") as response:
        message = refusal(site, lambda: response)
    assert "sseclient-py, which is not installed" in message
    assert "pip install 'flask-stream-sse[requests]'" in message


def test_a_response_of_requests_whose_first_events_tell_no_wire_is_refused(
    site: Site, provider: Provider
) -> None:
    """A hello of the vendor's own is skipped; a stream of nothing else is cut off."""
    provider.play(b'data: {"hello": 1}\n\n' + told("anthropic"), b'data: {"hello": 1}\n\n')
    site.view(lambda: provider.post("anthropic"))
    assert said(site.events()) == TEXT
    assert site.events()[-1][1]["code"] == "truncated"


# -- what a generator yields ------------------------------------------------------------------


class Piece:
    """Of a stream that nobody knows."""


WRONG_ITEMS = [
    (7, "yielded 7, an int", "yield str(value)"),
    (None, "yielded None", 'delta.content or ""'),
    (b"one", "yielded bytes", "decode them"),
    ({"text": "one"}, "a dict", "yield Data(name, value)"),
    ([{"type": "text", "text": "one"}], "a list", "yield its text"),
    (Piece(), "a Piece", "have @stream.source say how"),
    (Start("id"), "yielded Start", "which Flask-Stream sends itself"),
    (Done("stop", 0), "yielded Done", "return from the generator"),
    (Failed("internal", "no"), "yielded Failed", "raise StreamFailed(message)"),
]


@pytest.mark.parametrize(("item", "what", "advice"), WRONG_ITEMS)
def test_a_first_item_that_is_no_word_is_refused(
    site: Site, item: Any, what: str, advice: str
) -> None:
    message = refusal(site, lambda: [item])
    assert what in message
    assert advice in message


@pytest.mark.parametrize(("item", "what", "advice"), WRONG_ITEMS)
def test_a_later_item_that_is_no_word_is_refused(
    site: Site, caplog: pytest.LogCaptureFixture, item: Any, what: str, advice: str
) -> None:
    message = failure(site, caplog, lambda: iter(["one", item]))
    assert what in message
    assert advice in message


def test_a_coroutine_that_is_yielded_is_refused(site: Site) -> None:
    async def answer() -> str:
        return "one"

    message = refusal(site, lambda: iter([answer()]))
    assert "which nobody has awaited" in message
    assert "yield from relay(…)" in message


def test_an_async_generator_that_is_yielded_is_refused(site: Site) -> None:
    async def words() -> AsyncIterator[str]:
        yield "one"

    message = refusal(site, lambda: iter([words()]))
    assert "an async_generator" in message
    assert "yield from bridge(…)" in message


@pytest.mark.parametrize("inner", [lambda stream: iter(["two"]), relay], ids=["its own", "relay"])
def test_a_generator_that_yields_a_generator_is_refused(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture, inner: Any
) -> None:
    provider.play(told("anthropic"))
    with provider.create("anthropic") as stream:
        message = failure(site, caplog, lambda: iter(["one", inner(stream)]))
    assert "yield from" in message


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("what", [lambda stream: stream, next], ids=["stream", "its event"])
def test_a_generator_that_yields_what_belongs_to_the_provider_is_refused(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture, wire: str, what: Any
) -> None:
    provider.play(told(wire))
    with provider.create(wire) as stream:
        message = failure(site, caplog, lambda: iter(["one", what(stream)]))
    assert "yield from relay(stream)" in message


@pytest.mark.parametrize(
    "frame",
    [
        "data: Hello\n\n",
        "event: word\ndata: Hello\n\n",
        "id: 1\r\nevent: word\r\ndata: Hello\r\n\r\n",
        'data: {"a": 1}\ndata: 2\n\n',
    ],
)
def test_words_that_are_frames_already_are_sent_with_a_warning(site: Site, frame: str) -> None:
    site.view(lambda: ["one ", frame, frame])
    with pytest.warns(UserWarning, match="a server-sent event already") as warned:
        events = site.events()
    assert said(events) == "one " + frame * 2
    assert len(warned) == 1
    assert "Yield the bare words instead" in str(warned[0].message)


def test_words_that_only_speak_of_data_are_no_frames(site: Site) -> None:
    site.view(lambda: ["data: ", "data: see below\n", "The data: none\n\n"])
    assert site.events()[-1][0] == "done"  # any warning would be an error
