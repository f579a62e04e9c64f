"""`partial=True`: a call's arguments as parsed JSON while they arrive, of whatever wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from flask_stream import Event, ToolCall, ToolCallDelta, relay
from flask_stream.batches import parts
from flask_stream.formats.native import Native
from flask_stream.providers.adapt import adapt
from flask_stream.providers.relay import relay_batches, relay_source
from tests.conftest import Site
from tests.in_memory import InMemory
from tests.provider import WIRES, Provider, ReplayServer, frames, transcript
from tests.resume.conftest import ResumableSite, some_of
from tests.resume.conftest import events_of as numbered_events_of
from tests.shared_inputs import WIRE
from tests.test_readers import NAMES
from tests.test_recordings import EXPECTED, RECORDINGS, collect, stem
from tests.transcripts.expected import wire_of
from tests.transcripts.reading import Dicts, block, chunk, delta, piece, start

ADDRESS = {"city": "Paris", "days": 12, "ok": True}
PIECES = ['{"city": "Pa', 'ris", "days": 1', '2, "ok"', ": true}"]
GROWING = [{"city": "Pa"}, {"city": "Paris"}, {"city": "Paris", "days": 12}, ADDRESS]


def call_of(wire: str, *pieces: str, id: str = "t1") -> list[list[dict[str, Any]]]:
    """The dicts of one call: its beginning, each of its pieces, and its end."""
    if wire == "anthropic":
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        use = {"type": "tool_use", "id": id, "name": "fill", "input": {}}
        begin, *middle, end = block(0, use, *deltas)
        return [[start(), begin], *([d] for d in middle), [end, delta("tool_use"), STOP]]
    if wire == "openai_chat":
        middle = [chunk(piece(0, arguments=arguments)) for arguments in pieces]
        return [
            [chunk(piece(0, id, "fill"))],
            *([d] for d in middle),
            [chunk(finish="tool_calls")],
        ]
    item = {"type": "function_call", "id": "fc1", "call_id": id, "name": "fill"}
    done = {**item, "arguments": "".join(pieces), "status": "completed"}
    kind = "response.function_call_arguments"
    return [
        [
            {"type": "response.created", "response": {"id": "r1", "model": "m"}},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
        ],
        *([{"type": f"{kind}.delta", "output_index": 0, "delta": text}] for text in pieces),
        [
            {"type": f"{kind}.done", "output_index": 0, "arguments": done["arguments"]},
            {"type": "response.output_item.done", "output_index": 0, "item": done},
            {"type": "response.completed", "response": {"output": [done]}},
        ],
    ]


STOP = {"type": "message_stop"}


def reads(wire: str, *pieces: str) -> list[bytes]:
    """What each network read brings, one for each piece."""
    return [frames(*dicts) for dicts in call_of(wire, *pieces)]


def batches(wire: str, bodies: list[bytes]) -> Iterator[list[Event]]:
    """Those of the SDK's stream, one for each read."""
    with InMemory(bodies) as provider:
        source = adapt(provider.create(wire))
        assert source is not None
        yield from relay_batches(source, partial=True)


def told(events: list[Event]) -> list[Any]:
    """What each piece of a call tells of the whole."""
    return [event.partial for event in events if isinstance(event, ToolCallDelta)]


def without(events: list[Event]) -> list[Event]:
    """The events as they are where nobody asks for more."""
    return [
        ToolCallDelta(event.id, event.arguments) if isinstance(event, ToolCallDelta) else event
        for event in events
    ]


def check_last(events: list[Event]) -> int:
    """The last that is told of each call is what it comes to; how many calls that is so of."""
    last = {e.id: e.partial for e in events if isinstance(e, ToolCallDelta)}
    calls = [e for e in events if isinstance(e, ToolCall) and e.id in last]
    for call in calls:
        if isinstance(call.arguments, dict):
            assert last[call.id] == call.arguments
        else:  # no JSON, or cut off
            assert call.raw is not None
    return len(calls)


# -- from the wire to the page ----------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_a_returned_stream_tells_what_is_whole_with_each_piece(site: Site, wire: str) -> None:
    site.view(lambda: InMemory(reads(wire, *PIECES)).create(wire), partial=True)
    events = site.events()
    deltas = [data for name, data in events if name == "tool_call_delta"]
    assert deltas == [
        {"id": "t1", "arguments": text, "partial": whole}
        for text, whole in zip(PIECES, GROWING, strict=True)
    ]
    (call,) = [data for name, data in events if name == "tool_call"]
    assert call["arguments"] == ADDRESS


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("of", ["the route", "the relay", "nobody"])
def test_a_relayed_stream_does_where_its_route_or_its_relay_says_so(
    site: Site, wire: str, of: str
) -> None:
    seen: list[Event] = []

    @site.view(partial=of == "the route")
    def view() -> Any:
        stream = InMemory(reads(wire, *PIECES)).create(wire)
        for event in relay(stream, partial=of == "the relay"):
            seen.append(event)
            yield event

    sent = [data.get("partial") for name, data in site.events() if name == "tool_call_delta"]
    assert sent == (GROWING if of != "nobody" else [None] * len(PIECES))
    assert told(seen) == sent


def test_of_views_that_call_each_other_any_may_say_so(site: Site) -> None:
    @site.stream.response
    def inner() -> Any:
        return InMemory(reads("anthropic", *PIECES)).create("anthropic")

    site.view(inner, partial=True)
    deltas = [data for name, data in site.events() if name == "tool_call_delta"]
    assert [data["partial"] for data in deltas] == GROWING


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_partial_that_is_no_bool_is_refused(site: Site, value: Any) -> None:
    with pytest.raises(ValueError, match=r"partial is .*True or False"):
        site.view(lambda: ["one"], partial=value)


@pytest.mark.parametrize("accept", ["application/json", "text/plain"])
def test_what_has_no_events_is_the_same_with_it(site: Site, accept: str) -> None:
    asked: list[Any] = []
    for partial in (False, True):
        site = Site()
        site.view(
            lambda: InMemory(reads("anthropic", *PIECES)).create("anthropic"), partial=partial
        )
        answer = site.ask(headers={"Accept": accept})
        asked.append({**answer.json, "id": None} if answer.is_json else answer.text)
    assert asked[0] == asked[1]


# -- once a batch -----------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_it_is_on_the_last_piece_that_a_read_brings(wire: str) -> None:
    begin, *middle, end = reads(wire, *PIECES)
    found = [
        told(batch) for batch in batches(wire, [begin, b"".join(middle[:3]), *middle[3:], end])
    ]
    assert [batch for batch in found if batch] == [[None, None, GROWING[2]], [ADDRESS]]


@pytest.mark.parametrize("wire", WIRES)
def test_a_call_that_comes_in_one_read_has_it_once(wire: str) -> None:
    found = [told(batch) for batch in batches(wire, [b"".join(reads(wire, *PIECES))])]
    assert [batch for batch in found if batch] == [[None, None, None, ADDRESS]]


def test_parallel_calls_each_have_their_own() -> None:
    both = [
        chunk(piece(0, "t1", "fill", '{"a": "x')),
        chunk(piece(1, "t2", "fill", '{"b": [1,')),
        chunk(piece(0, arguments='y"}')),
        chunk(piece(1, arguments=" 2]}")),
    ]
    found = list(batches("openai_chat", [frames(*both), frames(chunk(finish="tool_calls"))]))
    events = [event for batch in found for event in batch]
    assert told(events) == [None, None, {"a": "xy"}, {"b": [1, 2]}]
    assert check_last(events) == 2


def test_two_calls_of_one_id_are_two() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "fill", "input": {}}
    dicts = [start()]
    for index, text in enumerate(['{"a": 1}', '{"b": 2}']):
        dicts += block(index, use, {"type": "input_json_delta", "partial_json": text})
    found = list(batches("anthropic", [frames(*dicts, delta("tool_use"), STOP)]))
    assert told([event for batch in found for event in batch]) == [{"a": 1}, {"b": 2}]


# -- what is none -----------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_no_json_has_none_from_there_on_and_the_call_says_it(wire: str) -> None:
    found = list(batches(wire, reads(wire, '{"a": "x', '", b', '": 1', "}")))
    events = [event for batch in found for event in batch]
    assert told(events) == [{"a": "x"}, None, None, None]
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert (call.arguments, call.raw) == (None, '{"a": "x", b": 1}')


@pytest.mark.parametrize("text", ["[1, 2]", '"text"', "select 1", " "])
def test_what_is_no_object_has_none(text: str) -> None:
    found = list(batches("openai_chat", reads("openai_chat", text)))
    assert told([event for batch in found for event in batch]) == [None]


@pytest.mark.parametrize("wire", WIRES)
def test_a_call_that_is_cut_off_keeps_what_was_told(wire: str) -> None:
    dicts = chain.from_iterable(call_of(wire, *PIECES)[:3])
    events, result, code = collect(relay_source(Dicts(dicts), partial=True))
    assert told(events) == GROWING[:2]
    assert (code, result.tool_calls[0].arguments) == ("truncated", None)


# -- what it costs ----------------------------------------------------------------------------


def long_call(characters: int, size: int = 20) -> list[list[dict[str, Any]]]:
    text = json.dumps({"items": ["some words"] * (characters // 14), "end": 1})
    return call_of("anthropic", *(text[at : at + size] for at in range(0, len(text), size)))


def sent_for(characters: int, **options: Any) -> tuple[list[Event], int]:
    dicts = chain.from_iterable(long_call(characters))
    events, _, _ = collect(relay_source(Dicts(dicts), **options))
    return events, len(Native().encode(events))


def test_what_is_sent_is_linear_however_long_the_arguments_are() -> None:
    """A small call with each piece; a long one as it grows by sixteenths."""
    small, _ = sent_for(1_000, partial=True)
    assert None not in told(small)
    (_, plain), (_, one), (events, two) = (
        sent_for(100_000),
        *(sent_for(n, partial=True) for n in (100_000, 200_000)),
    )
    assert two < 2.2 * one
    assert one < 30 * plain
    assert 100 < len([whole for whole in told(events) if whole is not None]) < 400
    assert check_last(events) == 1


def test_nothing_is_told_again_behind_the_end() -> None:
    events, _ = sent_for(8_000, partial=True)
    whole = [whole for whole in told(events) if whole is not None and "end" in whole]
    assert len(whole) == 1
    dicts = chain.from_iterable(call_of("anthropic", '{"a": 1}', *[" "] * 50))
    events, _, _ = collect(relay_source(Dicts(dicts), partial=True))
    assert told(events) == [{"a": 1}, *[None] * 50]


def test_a_run_is_as_long_with_it_as_without(site: Site) -> None:
    """STREAM_MAX_CHARACTERS counts what the model brings."""
    site.app.config["STREAM_MAX_CHARACTERS"] = 8_000
    bodies = [frames(*dicts) for dicts in long_call(3_000)]
    site.view(lambda: InMemory(bodies).create("anthropic"), partial=True)
    assert site.events()[-1][0] == "done"


def test_many_that_are_due_together_are_not_one_write() -> None:
    whole = {"a": "x" * 4_000}
    batch: list[Event] = [ToolCallDelta(f"t{n}", "x", whole) for n in range(100)]
    together = parts(batch)
    assert [event for part in together for event in part] == batch
    assert all(len(Native().encode(list(part))) < 80_000 for part in together)


# -- of a run that is kept --------------------------------------------------------------------


@pytest.mark.parametrize("log", ["memory:", "sqlite"])
def test_it_is_in_the_log_for_whoever_comes_later(tmp_path: Any, log: str) -> None:
    site = ResumableSite(log if log == "memory:" else f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    site.view(
        lambda: InMemory(reads("openai_responses", *PIECES)).create("openai_responses"),
        partial=True,
    )
    reader = site.reader()
    (began,) = some_of(reader.post("/"), 1)
    assert site.outcome() == "complete"
    events = numbered_events_of(reader.get(began.data["url"]))
    deltas = [event.data for event in events if event.kind == "tool_call_delta"]
    assert [data["partial"] for data in deltas] == GROWING
    assert [data["arguments"] for data in deltas] == PIECES


# -- recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_each_transcript_ends_with_what_its_calls_come_to(provider: Provider, name: str) -> None:
    provider.play([transcript(name)], [transcript(name)])
    plain, _, _ = collect(relay(provider.create(wire_of(name))))
    events, _, _ = collect(relay(provider.create(wire_of(name)), partial=True))
    assert without(events) == plain
    check_last(events)


@pytest.mark.parametrize("name", RECORDINGS)
def test_each_recording_ends_with_what_its_calls_come_to(replay: ReplayServer, name: str) -> None:
    wire = WIRE[EXPECTED[name]["api"]]
    plain, _, _ = collect(relay(replay.create(wire, stem(name))))
    events, _, _ = collect(relay(replay.create(wire, stem(name)), partial=True))
    assert without(events) == plain
    check_last(events)
