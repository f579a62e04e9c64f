"""Every recorded stream, through the real SDKs and through requests: over HTTP, and byte by byte.

`EXPECTED.json` was read from the recordings independently of any SDK.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from flask_stream import Event, Meta, ProviderError, Result, ToolCall, relay
from flask_stream.providers.relay import relay_source
from flask_stream.providers.wire import SDKItems
from tests.conftest import SHARED
from tests.in_memory import InMemory, zipped
from tests.own_time import part_of
from tests.provider import ReplayServer
from tests.shared_inputs import WIRE, expected_in

EXPECTED, RECORDINGS = expected_in("transcripts", "recorded provider streams")


def each_recording(encodings: list[Any]) -> Any:
    """Each, however it is sent and by whatever it is read: in `make test` in one or two ways."""
    if not EXPECTED:
        return [pytest.param("", "", "", marks=each.marks) for each in RECORDINGS]
    return part_of(product(EXPECTED, encodings, ["sdk", "requests"]), every=3)


# What the SDKs' helper streams cannot carry, seen with anthropic 2.12 and openai 3.54.
HELPER_BREAKS = {
    "or_v_copilot_id_rotation": "raises when the response's id changes",
    "or_p_background_resume": "raises when a stream does not begin with response.created",
    "co_v_mistral_tool": "raises on a tool call without an index",
    "co_p_openrouter_web_annotations": "raises on annotations, which have no index",
    "co_v_moonshot": "drops chunks without «object»",
    "co_v_perplexity_citations": "drops the last chunk, whose «object» is another",
    "co_p_snowflake_thinking": "hides [DONE], the only end mark of this stream",
    "co_t_vllm": "raises on finish_reason «length»",
}


def collect(stream: Generator[Event, None, Result]) -> tuple[list[Event], Result, str | None]:
    """The events, the Result, and the code with which the stream failed, if it did."""
    events: list[Event] = []
    try:
        while True:
            events.append(next(stream))
    except StopIteration as end:
        return events, end.value, None
    except ProviderError as error:
        return events, error.result or Result(), error.error_code


def told(events: list[Event]) -> list[Event]:
    """The events without the first `meta`, which only says whose object it was."""
    return [e for e in events if not (isinstance(e, Meta) and e.response_id is None)]


def stem(name: str) -> str:
    return Path(name).stem


def arguments(call: ToolCall) -> Any:
    return call.raw if call.raw is not None else call.arguments


def loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def check(name: str, result: Result, code: str | None) -> None:
    expected = EXPECTED[name]
    assert result.outcome == expected["outcome"]
    assert result.text == expected["text"]
    assert result.reasoning == expected["reasoning"]
    assert [(c.id, c.name, arguments(c)) for c in result.tool_calls] == [
        (c["id"], c["name"], loaded(c["arguments"])) for c in expected["tool_calls"]
    ]
    raw = dict(result.raw_usage or {})
    assert raw == (expected["usage"] or {})
    check_usage(WIRE[expected["api"]], result, raw)
    if "failed_code" in expected:
        assert code == expected["failed_code"]
    elif expected["error"]:
        assert code == {
            "overloaded_error": "overloaded",
            "insufficient_quota": "rate_limited",
        }.get(expected["error"].get("type"), "provider_error")
    else:
        assert code is None


def check_usage(wire: str, result: Result, raw: dict[str, Any]) -> None:
    """The counts, worked out here from the raw ones: all input, cached or not, and all output."""
    usage = result.usage.payload() if result.usage else {}
    if not raw:
        assert usage == {}
    elif wire == "anthropic":
        cached = [raw.get(f"cache_{kind}_input_tokens") or 0 for kind in ("read", "creation")]
        assert usage["input_tokens"] == raw["input_tokens"] + sum(cached)
        assert usage["output_tokens"] == raw["output_tokens"]
    elif wire == "openai_chat":
        details = raw.get("completion_tokens_details") or {}
        both = raw["prompt_tokens"] + raw["completion_tokens"]
        beside = raw.get("total_tokens", both) - both  # xAI counts reasoning beside the rest
        assert usage["input_tokens"] == raw["prompt_tokens"]
        assert usage["output_tokens"] == raw["completion_tokens"] + beside
        assert usage.get("reasoning_tokens", 0) == (details.get("reasoning_tokens") or 0)
    else:
        assert usage["input_tokens"] == raw["input_tokens"]
        assert usage["output_tokens"] == raw["output_tokens"]
        assert usage["reasoning_tokens"] == raw["output_tokens_details"]["reasoning_tokens"]
    assert None not in usage.values()


@pytest.mark.parametrize(("name", "options", "way"), each_recording(["", "?gzip=1"]))
def test_a_recording_comes_to_what_was_recorded(
    replay: ReplayServer, name: str, options: str, way: str
) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    open_stream = replay.create if way == "sdk" else replay.post
    events, result, code = collect(relay(open_stream(wire, stem(name) + options)))
    check(name, result, code)
    assert result.provider_stop_reason == EXPECTED[name]["stop_reason"]
    assert all(event.kind for event in events)


def sent(body: bytes, zips: bool) -> bytes:
    """What is sent: the recording, as it is or with gzip."""
    events = re.split(rb"(?<=\n\n)", body)
    return b"".join(zipped(events)) if zips else body


@pytest.mark.slow
@pytest.mark.parametrize(("name", "encoding", "way"), each_recording([None, "gzip"]))
def test_a_recording_in_single_bytes_comes_to_the_same(
    name: str, encoding: str | None, way: str
) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    body = sent((SHARED / "transcripts" / name).read_bytes(), encoding == "gzip")

    def read(pieces: list[bytes]) -> tuple[list[Event], Result, str | None]:
        with InMemory(pieces, encoding) as provider:
            open_stream = provider.create if way == "sdk" else provider.post
            return collect(relay(open_stream(wire)))

    single = read([bytes([byte]) for byte in body])
    check(name, single[1], single[2])
    assert single[0] == read([body])[0]


# One of each wire: what a connection does to single bytes is the same for all.
OVER_HTTP = list({each["api"]: name for name, each in EXPECTED.items()}.values())


@pytest.mark.parametrize("name", OVER_HTTP or RECORDINGS)
@pytest.mark.parametrize("options", ["?split=1", "?split=1&gzip=1"], ids=["plain", "gzip"])
@pytest.mark.parametrize("way", ["sdk", "requests"])
def test_a_recording_in_single_bytes_over_http_comes_to_the_same(
    replay: ReplayServer, name: str, options: str, way: str
) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    open_stream = replay.create if way == "sdk" else replay.post
    _, result, code = collect(relay(open_stream(wire, stem(name) + options)))
    check(name, result, code)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_way_of_reading_gives_equal_events(replay: ReplayServer, name: str) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    raw, by_us, code = collect(relay(replay.create(wire, stem(name))))
    other, _, other_code = collect(relay(replay.post(wire, stem(name))))
    assert (told(other), other_code) == (told(raw), code)

    iterated, by_sdk, sdk_code = collect(relay_source(SDKItems(replay.create(wire, stem(name)))))
    assert told(iterated) == told(raw)
    if stem(name) != "co_p_snowflake_thinking":  # ends by [DONE] alone, which the SDK hides
        assert sdk_code == code
    assert by_sdk.raw_usage == by_us.raw_usage


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDKs' own
def test_helper_streams_come_to_the_same_where_the_sdk_copes(
    replay: ReplayServer, name: str
) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    _, result, code = collect(relay(replay.helper(wire, stem(name))))
    if stem(name) in HELPER_BREAKS:
        assert result.outcome in ("failed", EXPECTED[name]["outcome"])
        return
    check(name, result, code)


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_the_message_is_what_the_sdk_accumulates(replay: ReplayServer, name: str) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    _, result, _ = collect(relay(replay.create(wire, stem(name))))
    message = SDK_MESSAGE[wire](replay, stem(name))
    if message is not None:
        assert without_nulls(result.message) == without_nulls(message)


def _anthropic_message(replay: ReplayServer, model: str) -> Any:
    if model == "an_v_spliced_message_start":
        return None  # the SDK puts the second message's deltas into the first one's blocks
    with replay.helper("anthropic", model) as stream:
        try:
            message = stream.get_final_message().to_dict(mode="json")
        except Exception:
            assert EXPECTED[f"anthropic/{model}.sse"]["error"], "the SDK copes with all others"
            return None
    return {"role": message["role"], "content": message["content"]}


def _chat_message(replay: ReplayServer, model: str) -> Any:
    with replay.helper("openai_chat", model) as stream:
        try:
            message = stream.get_final_completion().choices[0].message.to_dict(mode="json")
        except Exception:
            known = model in HELPER_BREAKS or model == "oc_x_error_mid_text"
            assert known, "the SDK copes with all others"
            return None
    # Where a dialect repeats these with every chunk, the SDK adds them up as if they were text.
    message["role"] = "assistant"
    message.pop("executed_tools", None)  # Groq refuses it in a request
    for detail in message.get("reasoning_details") or []:
        for key in {"format", "id"} & detail.keys():
            repeated = re.fullmatch(r"(.+?)\1*", detail[key])
            detail[key] = repeated[1] if repeated else detail[key]
    return message


def _responses_output(replay: ReplayServer, model: str) -> Any:
    with replay.helper("openai_responses", model) as stream:
        try:
            return stream.get_final_response().to_dict(mode="json")["output"]
        except Exception:
            known = model in HELPER_BREAKS or "_x_" in model or model == "or_v_error_nested"
            assert known, "the SDK copes with all others"
            return None


SDK_MESSAGE = {
    "anthropic": _anthropic_message,
    "openai_chat": _chat_message,
    "openai_responses": _responses_output,
}


def without_nulls(value: Any) -> Any:
    """Without what the SDK's helpers add, and fields that are null."""
    if isinstance(value, dict):
        added = ("parsed", "parsed_arguments", "index")
        return {
            key: without_nulls(item)
            for key, item in value.items()
            if item is not None and key not in added
        }
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
