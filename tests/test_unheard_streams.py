"""Streams that fail, end or hold their content where no wire's documentation puts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Response, request

from flask_stream import StreamFailed, after_this_stream, relay
from flask_stream.events import JSON
from flask_stream.providers.relay import relay_source
from flask_stream.providers.turn import DONE
from flask_stream.providers.wire import SDKItems
from tests.conftest import Site
from tests.provider import Exchange, Provider, frames
from tests.transcripts.reading import block, chat, chunk, collect, delta, piece, read, start

STOP = {"type": "message_stop"}


def responses(*dicts: JSON) -> Any:
    return read(*dicts, wire="openai_responses")[1]


@pytest.mark.parametrize("space", ["", " ", "  ", "\t "])
def test_space_before_the_json_changes_nothing(provider: Provider, space: str) -> None:
    body = frames(chunk({"content": "hi"}, "stop"), done=True)
    provider.play(body.replace(b"data: ", b"data:" + space.encode()))
    for stream in (relay(provider.create("openai_chat")), relay(provider.post("openai_chat"))):
        result = collect(stream)[1]
        assert (result.text, result.outcome) == ("hi", "complete")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('{"message": "exploded", "code": "rate_limit_exceeded"}', "rate_limited"),
        ('{"error": {"type": "overloaded_error"}}', "overloaded"),
        ('{"type": "error", "error": {"type": "overloaded_error"}}', "overloaded"),
        ('{"error": {"code": "429"}}', "rate_limited"),
        ("upstream exploded", "provider_error"),
        ("", "provider_error"),
        ("null", "provider_error"),
        ('{"code": 429, "message": "no", "errors": [{"msg": "quota"}]}', "rate_limited"),
    ],
)
@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("by_requests", [False, True], ids=["sdk", "requests"])
def test_an_error_event_is_one_whatever_its_data(
    provider: Provider, wire: str, data: str, code: str, by_requests: bool
) -> None:
    first = {
        "anthropic": frames(start(content=[])),
        "openai_chat": frames(chunk({"content": "a"})),
        "openai_responses": frames({"type": "response.created", "response": {"id": "r"}}),
    }[wire]
    provider.play(first + f"event: error\ndata: {data}\n\ndata: [DONE]\n\n".encode())
    stream = provider.post(wire) if by_requests else provider.create(wire)
    error = collect(relay(stream))[1].error
    assert error is not None
    assert error.code == code


def test_done_behind_nothing_that_was_understood_is_no_success() -> None:
    assert chat({"detail": "Internal error"}, DONE).outcome == "failed"
    assert chat(chunk({"content": "a"}), {"detail": "Internal error"}, DONE).outcome == "failed"
    assert chat(chunk({"content": "a"}), {"note": "?"}, DONE).outcome == "failed"
    words = (chunk({"content": "a"}), {"note": "?"}, chunk({"content": "b"}))
    assert chat(*words, DONE).outcome == "complete"


def test_an_error_in_json_with_status_200_is_the_providers_error(provider: Provider) -> None:
    body = {"error": {"code": "invalid_api_key", "message": "no"}}
    provider.run(lambda exchange: exchange.answer(200, body))
    for wire in ("anthropic", "openai_chat", "openai_responses"):
        error = collect(relay(provider.create(wire)))[1].error
        assert error is not None
        assert (error.code, error.retryable) == ("auth", False)


def test_legacy_completions_and_whole_messages_are_read() -> None:
    legacy = [{"choices": [{"index": 0, "text": t}]} for t in ("Hel", "lo")]
    assert chat(*legacy, DONE).text == "Hello"
    whole = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
    assert chat(whole, DONE).text == "Hello"
    both = chunk({"content": "Hello"}, "stop")
    both["choices"][0]["message"] = {"content": "Hello"}
    assert chat(both, DONE).text == "Hello"


def test_a_call_that_was_cut_before_its_arguments_is_not_one_without_any() -> None:
    cut = chat(chunk(piece(0, "A", "rm", "")))
    assert [c.payload() for c in cut.tool_calls] == [
        {"id": "A", "name": "rm", "arguments": None, "raw": ""}
    ]
    tool = {"type": "tool_use", "id": "A", "name": "rm", "input": {}}
    claude = read(start(), block(0, tool)[0], wire="anthropic")[1]
    assert (claude.tool_calls[0].arguments, claude.tool_calls[0].raw) == (None, "")
    assert chat(chunk(piece(0, "A", "rm", "")), chunk(finish="stop")).tool_calls[0].arguments == {}


@pytest.mark.parametrize(
    ("reason", "ours"),
    [("STOP", "stop"), ("eos", "stop"), ("MAX_TOKENS", "length"), ("tool_use", "tool_calls")],
)
def test_finish_reasons_of_dialects_have_their_meaning(reason: str, ours: str) -> None:
    assert chat(chunk({"content": "a"}, reason)).stop_reason == ours


def test_a_finish_reason_that_says_null_in_words_is_no_end_mark() -> None:
    assert chat(chunk({"content": "Hel"}, "null")).outcome == "failed"


def test_parallel_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    pieces = [("A", "f", '{"a"'), ("B", "g", '{"b":'), ("A", None, ":1}"), ("B", None, "2}")]
    result = chat(*(chunk(piece(None, *p)) for p in pieces), chunk(finish="tool_calls"))
    assert [(c.id, c.arguments) for c in result.tool_calls] == [("A", {"a": 1}), ("B", {"b": 2})]


def test_anthropic_blocks_that_all_have_index_0_are_kept_apart() -> None:
    def text(words: str) -> list[JSON]:
        return block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": words})

    call: list[JSON] = []
    for id in ("t1", "t2"):  # without a stop between them
        call += block(
            0,
            {"type": "tool_use", "id": id, "name": "f", "input": {}},
            {"type": "input_json_delta", "partial_json": f'{{"x": "{id}"}}'},
        )[:-1]
    result = read(start(), *text("Hello"), *text("World"), *call, STOP, wire="anthropic")[1]
    assert [b.get("text", b.get("input")) for b in result.message["content"]] == [
        "Hello",
        "World",
        {"x": "t1"},
        {"x": "t2"},
    ]
    assert [c.arguments for c in result.tool_calls] == [{"x": "t1"}, {"x": "t2"}]
    assert result.stop_reason == "tool_calls"  # message_stop alone says nothing of it


def test_a_made_up_tool_id_is_the_messages_too() -> None:
    tool = {"type": "tool_use", "id": "", "name": "f", "input": {}}
    result = read(start(), *block(0, tool), delta("tool_use"), STOP, wire="anthropic")[1]
    assert result.message["content"][0]["id"] == result.tool_calls[0].id != ""


CALL = {"type": "function_call", "call_id": "c", "name": "f"}


def completed(*output: JSON) -> JSON:
    return {"type": "response.completed", "response": {"output": list(output)}}


def test_responses_arguments_count_wherever_they_come_whole() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": CALL}
    done = {"type": "response.function_call_arguments.done", "arguments": '{"x": 1}'}
    given = {**added, "item": {**CALL, "arguments": '{"x": 1}'}}
    whole = {**CALL, "arguments": '{"x": 1}'}
    for dicts in (
        [added, done, completed()],
        [given, completed()],
        [added, done, completed(whole)],
    ):
        result = responses(*dicts)
        assert [c.arguments for c in result.tool_calls] == [{"x": 1}]
        assert result.stop_reason == "tool_calls"


def test_responses_content_that_comes_only_in_whole_items_is_shown_once() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}
    call = {**CALL, "arguments": '{"x": 1}'}
    ended = [
        {"type": "response.output_item.done", "output_index": i, "item": it}
        for i, it in enumerate((item, call))
    ]
    streamed = {"type": "response.output_text.delta", "output_index": 0, "delta": "Hello"}
    unnumbered = {"type": "response.output_text.delta", "delta": "Hello"}
    for dicts in (
        [completed(item, call)],
        [*ended, completed(item, call)],
        [*ended, completed()],
        [streamed, *ended, completed(item, call)],
        [unnumbered, *ended, completed(item, call)],
    ):
        result = responses(*dicts)
        assert (result.text, [c.arguments for c in result.tool_calls]) == ("Hello", [{"x": 1}])
        assert result.message == [item, call]


@pytest.mark.parametrize("kind", ["computer_call", "shell_call", "mcp_approval_request"])
def test_calls_that_are_no_functions_stop_for_the_app_too(kind: str) -> None:
    item = {"type": kind, "id": "x"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    result = responses(done, completed(item))
    assert (result.stop_reason, result.message) == ("tool_calls", [item])


def test_arguments_nested_deep_cost_nothing_else() -> None:
    deep = "[" * 700 + "]" * 700
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    result = read(
        start(),
        *block(0, tool, {"type": "input_json_delta", "partial_json": deep}),
        *block(1, {"type": "text", "text": "after"}),
        delta("end_turn"),
        wire="anthropic",
    )[1]
    assert (result.text, result.outcome) == ("after", "complete")


# -- whose error it is ------------------------------------------------------------------


def refused(exchange: Exchange) -> None:
    exchange.answer(404, {"error": "no such thing"})


def test_another_service_that_fails_in_a_callback_is_not_the_provider(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.run(refused)

    def save(result: Any) -> None:
        requests.post(provider.base, json={}, timeout=10).raise_for_status()

    site.view(on_finish=save)(lambda: ["a"])
    assert site.events()[-1][1]["code"] == "internal"
    assert "Traceback" in caplog.text


def test_another_service_that_fails_in_a_tool_is_not_the_provider(
    site: Site, provider: Provider
) -> None:
    provider.run(refused)

    @site.view
    def view() -> Iterator[str]:
        yield "a"
        requests.post(provider.base, json={}, timeout=10).raise_for_status()

    assert site.events()[-1][1]["code"] == "internal"


@pytest.mark.parametrize("wait", ["inf", "nan", "-3", "1e99"])
def test_a_retry_after_that_is_no_time_is_no_crash(
    site: Site, provider: Provider, wait: str
) -> None:
    provider.run(lambda e: e.answer(429, {}, {"retry-after": wait}))
    site.view(lambda: provider.create("openai_chat"))
    response = site.ask()
    assert response.status_code == 503
    assert 0 <= int(response.headers["Retry-After"]) <= 24 * 3600


def test_stream_failed_finds_the_errorhandler_of_its_status(site: Site) -> None:
    @site.view
    def view() -> Any:
        raise StreamFailed("Busy", error_code="overloaded")

    site.app.register_error_handler(503, lambda error: (f"mine: {error.description}", 503))
    assert site.ask().text == "mine: Busy"


def test_an_apps_page_for_errors_that_comes_from_a_file_is_left_alone(
    site: Site, tmp_path: Any
) -> None:
    site.view(lambda: {}["x"])

    def page(error: Exception) -> Any:
        body = iter([b"<p>Sorry</p>"])
        return Response(body, 500, mimetype="text/html", direct_passthrough=True)

    site.app.register_error_handler(500, page)
    assert site.ask().data == b"<p>Sorry</p>"


# -- streams that are refused, and views that call views --------------------------------


@pytest.mark.parametrize("how", ["in a tuple", "yielded", "with a wrong wire"])
@pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
def test_a_stream_that_is_refused_is_closed(
    site: Site, provider: Provider, wire: str, how: str
) -> None:
    gone: list[bool] = []

    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(frames(start() if wire == "anthropic" else chunk({"content": "a"})))
        gone.append(exchange.gone())

    provider.run(script)
    streams: list[Any] = []

    @site.view
    def view() -> Any:
        streams.append(provider.create(wire))
        if how == "in a tuple":
            return streams[0], 201
        if how == "yielded":
            return iter(streams)
        return relay(streams[0], wire="nonsense")

    assert site.ask().status_code == 500
    assert streams[0].response.is_closed


def test_a_streaming_view_that_calls_another_has_its_callbacks_too(site: Site) -> None:
    called: list[str] = []

    @site.stream.response(on_finish=lambda result: called.append("inner"))
    def inner() -> Iterator[str]:
        yield "a"

    @site.view(on_finish=lambda result: called.append("outer"))
    def outer() -> Any:
        after_this_stream(lambda result: called.append(f"after {request.path}"))
        return inner()

    assert site.events()[-1][0] == "done"
    assert sorted(called) == ["after /", "inner", "outer"]


def test_what_the_sdk_iterates_says_the_same_of_an_error_event(provider: Provider) -> None:
    body = frames(chunk({"content": "a"})) + b'event: error\ndata: {"error": {"code": 429}}\n\n'
    provider.play(body)
    error = collect(relay_source(SDKItems(provider.create("openai_chat"))))[1].error
    assert error is not None
    assert error.code == "rate_limited"


def test_a_refusal_without_deltas_is_told_once() -> None:
    part = {"type": "refusal", "refusal": "No."}
    item = {"type": "message", "content": [part]}
    done = {"type": "response.refusal.done", "output_index": 0, "refusal": "No."}
    ended = {"type": "response.output_item.done", "output_index": 0, "item": item}
    result = responses(done, ended, completed(item))
    assert (result.refusal, result.stop_reason) == ("No.", "refusal")
