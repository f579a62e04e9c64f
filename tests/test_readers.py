"""Each transcript comes to the same, whatever object its stream is read from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from flask_stream import Event, ProviderError, Result, Text, relay
from flask_stream.providers import openai_chat
from flask_stream.providers.adapt import adapt, adapt_items
from flask_stream.providers.library_stream import WireItems
from flask_stream.providers.relay import relay_source
from flask_stream.providers.turn import DONE
from flask_stream.providers.wire import SDKItems, SDKManager, SDKStream
from tests.provider import TRANSCRIPTS, Clients, Exchange, Provider, frames, transcript
from tests.transcripts.expected import EXPECTED, wire_of
from tests.transcripts.reading import Dicts, bytewise, collect, dicts_of

NAMES = sorted(EXPECTED)

# openai's own accumulation refuses a list that goes on without indexes ("annotations").
HELPER_COPES = [name for name in NAMES if name != "chat_search"]


def from_dicts(name: str) -> tuple[list[Event], Result]:
    return collect(relay_source(Dicts(dicts_of(name))))


def check(name: str, result: Result, way: Any = None) -> None:
    expected = EXPECTED[name]
    body = result.to_dict()
    if way is sdk_wrapped and name == "responses_error":
        # Behind an error nothing is waited for that cannot be woken: `response.failed` is not read.
        body["provider_stop_reason"] = "failed"
    for field in (
        *("text", "reasoning", "refusal", "tool_calls", "server_tool_calls", "tool_results"),
        *("sources", "stop_reason", "provider_stop_reason", "usage", "outcome"),
    ):
        assert body[field] == getattr(expected, field), field
    assert result.raw_usage == expected.raw_usage
    assert result.message == expected.message
    assert (result.error.code if result.error else None) == expected.error
    assert result.provider == wire_of(name).partition("_")[0]
    assert result.model is not None
    assert result.model.rpartition("-")[0] in ("claude-imaginary", "gpt-imaginary")
    assert result.response_id is not None
    assert "tern" in result.response_id


def test_each_transcript_has_an_expectation() -> None:
    assert sorted(path.stem for path in TRANSCRIPTS.glob("*.sse")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_wire_dicts_come_to_what_the_table_says(name: str) -> None:
    check(name, from_dicts(name)[1])


# -- the same stream over HTTP ----------------------------------------------------------


def sdk_stream(provider: Provider, wire: str) -> Any:
    stream = provider.create(wire)
    assert isinstance(adapt(stream), SDKStream)
    return relay(stream)


def sdk_items(provider: Provider, wire: str) -> Any:
    return relay_source(SDKItems(provider.create(wire)))


def sdk_helper(provider: Provider, wire: str) -> Any:
    manager = provider.helper(wire)
    assert isinstance(adapt(manager), SDKManager)
    return relay(manager)


def sdk_wrapped(provider: Provider, wire: str) -> Any:
    """A generator around the stream, as tracing tools put it there."""
    stream = provider.create(wire)

    def wrapper() -> Iterator[Any]:
        yield from stream

    items = wrapper()
    source = adapt_items(items, items, 2**23)
    assert isinstance(source, WireItems)
    return relay_source(source)


def requests_response(provider: Provider, wire: str) -> Any:
    return relay(provider.post(wire))


WAYS = {
    "the SDK's stream, read by us": sdk_stream,
    "the SDK's stream, iterated": sdk_items,
    "the SDK's stream, wrapped": sdk_wrapped,
    "the SDK's helper": sdk_helper,
    "requests": requests_response,
}

CASES = [
    pytest.param(name, way, id=f"{name}-{label}")
    for label, way in WAYS.items()
    for name in (HELPER_COPES if way is sdk_helper else NAMES)
]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_every_way_to_read_a_transcript_gives_equal_events(
    provider: Provider, name: str, way: Any
) -> None:
    provider.play(transcript(name))
    events, result = collect(way(provider, wire_of(name)))
    assert events == from_dicts(name)[0]
    check(name, result, way)


@pytest.mark.parametrize(("name", "way"), CASES)
def test_every_way_gives_equal_events_when_each_byte_comes_alone(
    provider: Provider, name: str, way: Any
) -> None:
    provider.play(bytewise(transcript(name)))
    events, result = collect(way(provider, wire_of(name)))
    assert events == from_dicts(name)[0]
    check(name, result, way)


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until the connection closes"])
@pytest.mark.parametrize("wire", ["anthropic", "chat", "responses"])
def test_a_connection_lost_in_the_middle_is_truncated_with_the_text_so_far(
    provider: Provider, wire: str, chunked: bool, way: Any
) -> None:
    name = f"{wire}_text"
    whole = transcript(name)

    def script(exchange: Exchange) -> None:
        exchange.start(chunked=chunked)
        exchange.send(whole[: whole.index(b"214 steps") + 3])
        exchange.cut()

    provider.run(script)
    _, result = collect(way(provider, wire_of(name)))
    assert result.outcome == "failed"
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("truncated", True)
    assert result.text == "The lighthouse at Tern Point "


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_halves_of_a_surrogate_pair_in_two_deltas_are_joined(provider: Provider, way: Any) -> None:
    body = transcript("chat_text").replace("lamp \U0001f526.".encode(), rb"lamp \ud83d", 1)
    extra = body.split(b"\n\n")[3].replace(rb"Bring a lamp \ud83d", rb"\udd26.")
    blocks = body.split(b"\n\n")
    provider.play(b"\n\n".join([*blocks[:4], extra, *blocks[4:]]))
    _, result = collect(way(provider, "openai_chat"))
    check("chat_text", result)


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_lone_half_of_a_surrogate_pair_becomes_a_replacement_character(
    provider: Provider, way: Any
) -> None:
    provider.play(transcript("chat_text").replace("\U0001f526".encode(), rb"\ud83d", 1))
    events, result = collect(way(provider, "openai_chat"))
    assert result.text.endswith("Bring a lamp \ufffd.")
    assert all(event.text.encode() for event in events if isinstance(event, Text))
    assert result.message["content"] == result.text


@pytest.mark.parametrize("name", ["anthropic_text", "chat_text", "responses_text"])
def test_a_stream_of_a_mock_transport_is_read(name: str) -> None:
    """As people put one into their tests: its body is in memory before anybody reads it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=transcript(name))

    wire = wire_of(name)
    sdk: Any = anthropic.Anthropic if wire == "anthropic" else openai.OpenAI
    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        clients = Clients()
        setattr(clients, wire.partition("_")[0], sdk(api_key="none", http_client=http))
        events, result = collect(relay(clients.create(wire)))
    assert events == from_dicts(name)[0]
    check(name, result)


def test_a_helper_gives_its_final_message_after_the_relay(provider: Provider) -> None:
    provider.play(transcript("anthropic_text"))
    with provider.helper("anthropic") as stream:
        _, result = collect(relay(stream))
        assert stream.get_final_message().content[0].text == result.text


@pytest.mark.parametrize("name", ["anthropic_text", "chat_text", "responses_text"])
def test_the_usage_of_a_stream_comes_once_and_after_its_text(name: str) -> None:
    kinds = [event.kind for event in from_dicts(name)[0]]
    assert kinds.count("usage") == 1
    assert kinds[-1] == "usage"


def test_events_of_a_tool_call_come_in_order_and_with_its_id() -> None:
    for name in ("anthropic_parallel_tools", "chat_parallel_tools", "responses_parallel_tools"):
        events = from_dicts(name)[0]
        calls: dict[str, list[str]] = {}
        for event in events:
            if event.kind.startswith("tool_call"):
                calls.setdefault(event.payload()["id"], []).append(event.kind)
        assert [kinds[0] for kinds in calls.values()] == ["tool_call_start"] * 2, name
        assert [kinds[-1] for kinds in calls.values()] == ["tool_call"] * 2, name
        assert all(set(k[1:-1]) <= {"tool_call_delta"} for k in calls.values()), name


def test_the_pieces_of_a_tool_call_make_up_its_arguments() -> None:
    for name in ("anthropic_thinking_tool", "chat_reasoning_tool", "responses_reasoning_tool"):
        pieces = [e.payload() for e in from_dicts(name)[0] if e.kind == "tool_call_delta"]
        text = "".join(piece["arguments"] for piece in pieces)
        assert text == '{"harbour": "Tern Point", "days": 2}', name


def test_nothing_encrypted_or_signed_is_in_any_event() -> None:
    for name in NAMES:
        sent = repr([event.payload() for event in from_dicts(name)[0]])
        for secret in ("c2lnbmF0dXJl", "cmVkYWN0ZWQ", "ZW5jcnlwdGVk", "aW5kZXg", "Zmlyc3Q"):
            assert secret not in sent, name


def test_the_providers_own_error_text_is_in_the_detail_and_not_in_the_message() -> None:
    for name in ("anthropic_error", "chat_error", "responses_error"):
        with pytest.raises(ProviderError) as caught:
            list(relay_source(Dicts(dicts_of(name))))
        assert "secret tern detail" in (caught.value.detail or ""), name
        assert "secret" not in caught.value.message, name
        assert caught.value.result is not None
        assert caught.value.result.text == "The lamp ", name


def test_an_endpoint_that_does_not_tell_its_wire_can_be_given_it(provider: Provider) -> None:
    provider.play(frames({"no": "hint"}) + transcript("chat_text"))
    _, result = collect(relay(provider.post("openai_chat"), wire="openai_chat"))
    assert result.outcome == "complete"


def test_an_unknown_wire_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'gemini'.*anthropic, openai_chat, openai_responses"):
        next(relay(object(), wire="gemini"))


# -- a chat's plain words, which are read by a shorter way ------------------------------------

PLAIN = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "model": "gpt-imaginary",
    "choices": [{"index": 0, "delta": {"content": "wo"}, "finish_reason": None}],
}
END = {"index": 0, "delta": {}, "finish_reason": "stop"}
# What a chunk that looks plain may have all the same, and what stands beside plain words.
BESIDE: list[dict[str, Any]] = [
    {},
    {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    {"object": "error"},
    {"choices": [{"index": 1, "delta": {"content": "another"}}]},
    {"choices": [{"delta": {"content": "last"}, "finish_reason": "length"}]},
    {"choices": [{"delta": {"content": 5}}]},
    {"choices": [{"delta": {"content": ""}}]},
    {"choices": [{"delta": {"content": None, "role": "assistant"}}]},
    {"choices": [{"delta": {"content": "a", "refusal": "No."}}]},
    {"choices": [{"delta": {"content": "a"}, "error": {"message": "It broke."}}]},
    {"choices": [{"text": "old"}]},
    {"choices": []},
    {"choices": None},
    {"choices": [None]},
    {"choices": [{"delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]},
    {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "twice"}}]},
    {"choices": [{"delta": {"tool_calls": [{"id": "t", "function": {"name": "f"}}]}}]},
    {"model": "", "id": ""},
    {"error": {"message": "It broke."}},
]


@pytest.mark.parametrize("ending", [[], [{**PLAIN, "choices": [END]}], [DONE, PLAIN]])
@pytest.mark.parametrize("second", BESIDE, ids=repr)
@pytest.mark.parametrize("first", BESIDE, ids=repr)
def test_what_reads_plain_words_reads_them_as_what_reads_all(
    first: dict[str, Any],
    second: dict[str, Any],
    ending: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunks = [PLAIN | first, PLAIN, PLAIN | second, *ending]

    def come_to() -> tuple[list[Event], dict[str, Any], Any, Any]:
        events, result = collect(relay_source(Dicts(chunks, wire="openai_chat")))
        return events, result.to_dict(), result.message, result.raw_usage

    shorter = come_to()
    monkeypatch.setattr(openai_chat, "plain_delta", lambda d: None)
    assert shorter == come_to()
