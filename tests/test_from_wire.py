"""The way back from the wire: each event's SSE name and JSON come to that event again."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_stream import Data, Event, Failed, Result, ToolCall, ToolResult, Usage, relay
from flask_stream.events import MOST_TOKENS, RESERVED, VOCABULARY, Done, Start, from_wire
from tests.conftest import Site
from tests.provider import WIRES, Provider, ReplayServer, told
from tests.shared_inputs import WIRE
from tests.test_events import STEP
from tests.test_events import TABLE as SENT
from tests.test_readers import NAMES, from_dicts
from tests.test_recordings import EXPECTED, RECORDINGS, collect, stem

TABLE = [*SENT, STEP]
CLASSES: list[Any] = sorted(VOCABULARY - {Data}, key=lambda event: event.kind)


def back(event: Event) -> Event:
    """What a reader of the wire makes of it."""
    return from_wire(event.kind, json.loads(json.dumps(event.payload())))


def on_the_wire(cls: Any) -> list[dataclasses.Field[Any]]:
    return [each for each in dataclasses.fields(cls) if each.name != "status"]


# -- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize("event", [row[0] for row in TABLE], ids=lambda event: str(event)[:40])
def test_each_kind_of_event_comes_back_from_its_own_payload(event: Event) -> None:
    assert back(event) == event


@pytest.mark.parametrize("name", NAMES)
def test_each_event_of_a_transcript_comes_back_from_its_own_payload(name: str) -> None:
    events, _ = from_dicts(name)
    assert [back(event) for event in events] == events


@pytest.mark.parametrize("name", RECORDINGS)
def test_each_event_of_a_recording_comes_back_from_its_own_payload(
    replay: ReplayServer, name: str
) -> None:
    events, _, _ = collect(relay(replay.create(WIRE[EXPECTED[name]["api"]], stem(name))))
    assert events
    assert [back(event) for event in events] == events


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
COUNTS = st.integers(0, MOST_TOKENS)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": ANY_TEXT,
    "int": COUNTS,
    "float": COUNTS | st.floats(0, 1e9),
    "bool": st.booleans(),
    "Any": ANY_JSON,
    "dict[str, Any]": st.dictionaries(ANY_TEXT, ANY_JSON, max_size=3),
    "Usage": st.builds(Usage, *[st.none() | COUNTS] * 5),
}


def made_up(cls: Any) -> st.SearchStrategy[Event]:
    """Events of a class with anything that its fields may be; what may be absent, sometimes is."""
    values = {}
    for each in on_the_wire(cls):
        name, _, unknown = each.type.partition(" | ")
        values[each.name] = st.none() | VALUES[name] if unknown else VALUES[name]
    return st.builds(cls, **values)


@given(st.one_of([made_up(cls) for cls in CLASSES]))
def test_an_event_with_anything_in_its_fields_comes_back_as_it_was(event: Event) -> None:
    assert back(event) == event


OWN_NAMES = st.text(st.characters(exclude_characters="\r\n\0"), min_size=1).filter(
    lambda name: name not in RESERVED | {"error", "open", "message"}
)


@given(OWN_NAMES | st.sampled_from([" text", "Text", "texts", "data: x", "__class__"]), ANY_JSON)
def test_an_event_of_the_apps_own_comes_back_under_any_name(name: str, data: Any) -> None:
    assert back(Data(name, data)) == Data(name, data)


def test_what_json_has_no_form_for_comes_back_as_json_has_it() -> None:
    assert back(ToolResult("t1", (1, {2: "two"}))) == ToolResult("t1", [1, {"2": "two"}])


# -- whole runs -------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("what", ["text", "error"])
def test_all_that_a_run_sends_can_be_read_back(
    site: Site, provider: Provider, wire: str, what: str
) -> None:
    results: list[Result] = []
    provider.play(told(wire, what))
    site.view(on_finish=results.append)(lambda: provider.create(wire))
    sent = site.events()
    read = [from_wire(name, data) for name, data in sent]
    assert [(event.kind, event.payload()) for event in read] == sent
    (result,) = results
    assert isinstance(read[0], Start)
    assert read[0].id == result.id
    end = read[-1]
    if what == "error":
        assert end == result.error
    else:
        assert isinstance(end, Done)
        assert isinstance(end.usage, Usage)
        assert end.usage == result.usage


def test_a_status_is_never_on_the_wire_nor_taken_from_it() -> None:
    failed = Failed("overloaded", "Later.", retryable=True, status=503)
    assert back(failed) == failed
    read = from_wire("failed", failed.payload() | {"status": 503})
    assert read == failed
    assert isinstance(read, Failed)
    assert read.status is None


# -- what is no event -------------------------------------------------------------------------

FIELDS = [
    pytest.param(event, each, id=f"{event.kind}-{each.name}")
    for event in [next(row[0] for row in TABLE if type(row[0]) is cls) for cls in CLASSES]
    for each in on_the_wire(event)
]


@pytest.mark.parametrize(("event", "field"), FIELDS)
def test_a_field_may_be_missing_only_where_it_is_optional(
    event: Event, field: dataclasses.Field[Any]
) -> None:
    data = {name: value for name, value in event.payload().items() if name != field.name}
    if field.default is dataclasses.MISSING:
        with pytest.raises(ValueError, match=rf"^{event.kind}\.{field.name} is missing"):
            from_wire(event.kind, data)
    else:
        read = from_wire(event.kind, data)
        assert getattr(read, field.name) == field.default


JSON_OF = {"null": None, "bool": True, "int": 1, "float": 1.5, "str": "s", "list": [], "dict": {}}
MAY_BE = {"str": {"str"}, "int": {"int"}, "float": {"int", "float"}, "bool": {"bool"}}
OF_DICTS = {"Usage", "dict[str, Any]"}


@pytest.mark.parametrize(("event", "field"), FIELDS)
def test_a_field_of_another_type_than_its_class_says_is_refused_by_name(
    event: Event, field: dataclasses.Field[Any]
) -> None:
    name, _, unknown = str(field.type).partition(" | ")
    fits = MAY_BE.get(name, {"dict"} if name in OF_DICTS else set(JSON_OF))
    for of, value in JSON_OF.items():
        data = event.payload() | {field.name: value}
        if of in fits or (of == "null" and unknown):
            assert back(from_wire(event.kind, data)) == from_wire(event.kind, data)
            continue
        expected = re.escape(f"{event.kind}.{field.name} must be {name}")
        with pytest.raises(TypeError, match=f"^{expected}"):
            from_wire(event.kind, data)


def test_a_field_of_the_usage_of_a_done_is_refused_by_both_names() -> None:
    done = {"stop_reason": "stop", "text_length": 0, "usage": {"input_tokens": "7"}}
    with pytest.raises(TypeError, match=r"^done\.usage\.input_tokens must be int"):
        from_wire("done", done)


@pytest.mark.parametrize("kind", sorted(RESERVED))
@pytest.mark.parametrize("data", [None, "text", 7, [], [{"text": "a"}]], ids=str)
def test_data_that_is_no_object_is_refused_for_each_kind_of_ours(kind: str, data: Any) -> None:
    with pytest.raises(TypeError, match=f"data of '{kind}' must be a dict, not"):
        from_wire(kind, data)


@pytest.mark.parametrize("event", [row[0] for row in TABLE], ids=lambda event: str(event)[:40])
def test_fields_that_a_later_version_has_added_are_left_out(event: Event) -> None:
    if not isinstance(event, Data):
        assert from_wire(event.kind, event.payload() | {"later": {"a": 1}, "kind": "x"}) == event


@pytest.mark.parametrize("name", ["", "a\nb", "error", "open", "message"])
def test_a_name_that_no_event_may_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        from_wire(name, {})


def test_a_kind_that_a_later_version_has_added_is_data() -> None:
    assert from_wire("picture", {"url": "a.png"}) == Data("picture", {"url": "a.png"})


def test_the_error_tells_nothing_of_what_was_said() -> None:
    for kind, data in (("text", {"text": ["secret"]}), ("tool_call", {"id": {"secret": 1}})):
        with pytest.raises((TypeError, ValueError)) as caught:
            from_wire(kind, data)
        assert "secret" not in str(caught.value)


def test_arguments_that_were_no_json_come_back_beside_their_text() -> None:
    assert back(ToolCall("t1", "f", None, raw="{")) == ToolCall("t1", "f", None, raw="{")
