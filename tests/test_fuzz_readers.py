"""Whatever shape a provider's dicts have: skipped or told, never a crash of ours."""

from __future__ import annotations

import copy
import json
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_stream import ProviderError, Usage
from flask_stream.events import JSON
from flask_stream.formats.native import Native
from flask_stream.providers.relay import relay_source
from flask_stream.providers.turn import DONE
from tests.own_time import part_of
from tests.transcripts.expected import EXPECTED, wire_of
from tests.transcripts.reading import Dicts, dicts_of

NAMES = sorted(EXPECTED)
ABSENT = object()
NOTHING = [ABSENT, None, "", {}, []]
WRONG = ["x", 7, -1.5, True, ["x"], [None], [[]], {"x": 1}, [{"x": 1}]]

Path_ = tuple[Any, ...]


def paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The way to everything that a JSON value holds."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def changed(dicts: list[JSON], at: int, path: Path_, value: Any) -> list[JSON]:
    """The stream, with something else at one place of its dict number `at`."""
    whole: Any = copy.deepcopy(dicts[at])
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    if value is ABSENT:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(value)
    return [*dicts[:at], whole, *dicts[at + 1 :]]


def check(dicts: list[JSON], wire: str) -> None:
    """Read it as a run would: every event can be sent, and the result can be kept."""
    relayed = relay_source(Dicts(dicts, wire))
    encode = Native().encode
    try:
        while True:
            event = next(relayed)
            encode([event])
            if isinstance(event, Usage):
                assert all(type(count) is int for count in event.payload().values())
    except StopIteration as end:
        result = end.value
    except ProviderError as error:
        result = error.result
        assert result is not None
    json.dumps([result.to_dict(), result.message])


def place_of(error: BaseException) -> str:
    """Where in our code an error came from, for a list that one can work through."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "flask_stream" in f.filename]
    frame = ours[-1] if ours else traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} {frame.line} ({type(error).__name__})"


def crashes(name: str, values: list[Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    dicts = dicts_of(name)
    for at, d in enumerate(dicts):
        for path in paths(d) if d is not DONE else ():
            for value in values:
                try:
                    check(changed(dicts, at, path, value), wire_of(name))
                except Exception as error:
                    found[place_of(error)] += 1
    return found


def told(found: Counter[str]) -> str:
    return "\n".join(["", *(f"{count:6}  {place}" for place, count in found.most_common())])


@pytest.mark.parametrize("name", NAMES)
def test_any_field_may_be_absent_null_or_empty(name: str) -> None:
    found = crashes(name, NOTHING)
    assert not found, told(found)


@pytest.mark.parametrize("name", part_of(NAMES, every=3))
def test_any_field_may_be_of_another_type(name: str) -> None:
    found = crashes(name, WRONG)
    assert not found, told(found)


# Several at once, and out of order.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "index", "id", "text", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, list[JSON]]:
    """Dicts of one wire's transcripts, shuffled, some left out, some of them broken."""
    name = draw(st.sampled_from(NAMES))
    dicts = draw(st.permutations(dicts_of(name))) if draw(st.booleans()) else dicts_of(name)
    dicts = [d for d in dicts if draw(st.integers(0, 5))]
    for _ in range(draw(st.integers(0, 4))):
        places = [(at, p) for at, d in enumerate(dicts) if d is not DONE for p in paths(d)]
        if places:
            at, path = draw(st.sampled_from(places))
            dicts = changed(dicts, at, path, draw(VALUES | st.just(ABSENT)))
    return wire_of(name), dicts


@given(streams())
def test_any_mixture_of_broken_dicts_is_read_or_fails_as_the_providers_error(
    stream: tuple[str, list[JSON]],
) -> None:
    wire, dicts = stream
    check(dicts, wire)


@given(st.sampled_from(["anthropic", "openai_chat", "openai_responses"]), st.lists(VALUES))
def test_dicts_of_nobodys_wire_are_no_crash(wire: str, values: list[Any]) -> None:
    check([{"type": "error", "choices": value, "error": value} for value in values], wire)
