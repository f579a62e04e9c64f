"""What is whole of a JSON object on its way: at each character, however it is cut, and linear."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_stream.providers.growing_json import GrowingJSON
from tests.hostile.work import Work, allocated_by, apart, calls_of
from tests.transcripts.reading import cut

TEXTS = st.text(st.characters(exclude_categories=()) | st.sampled_from('"\\/\n🔦é'), max_size=6)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """An object's text, written in one of the ways in which that can be done."""
    return json.dumps(
        draw(OBJECTS),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1, "\t"])),
        separators=draw(st.sampled_from([(",", ":"), (" ,\n", "\r: ")])),
    )


def fed(*pieces: str) -> GrowingJSON:
    growing = GrowingJSON()
    for piece in pieces:
        growing.feed(piece)
    return growing


def whole_of(text: str) -> Any:
    return fed(text).value()


# -- what is whole --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", None),
        (" \n", None),
        ("{", {}),
        ('{"ci', {}),
        ('{"city"', {}),
        ('{"city": ', {}),
        ('{"city": "', {"city": ""}),
        ('{"city": "Par', {"city": "Par"}),
        ('{"city": "Paris", "da', {"city": "Paris"}),
        ('{"city": "Paris"} \n', {"city": "Paris"}),
        # numbers once something follows them
        ('{"days": 1', {}),
        ('{"days": 12', {}),
        ('{"days": 12,', {"days": 12}),
        ('{"days": 12 ', {"days": 12}),
        ('{"days": -1.5e3}', {"days": -1500.0}),
        ('{"days": [1, 2', {"days": [1]}),
        ('{"days": ' + "9" * 400 + "}", {"days": int("9" * 400)}),  # more than a float has
        # words once they are whole
        ('{"ok": tru', {}),
        ('{"ok": true', {"ok": True}),
        ('{"ok": null', {"ok": None}),
        ('{"ok": [false', {"ok": [False]}),
        # arrays and objects as far as they go
        ('{"a": [', {"a": []}),
        ('{"a": [[], {"b": {', {"a": [[], {"b": {}}]}),
        ('{"a": ["x", "y', {"a": ["x", "y"]}),
        # never half an escape, or half a character
        (r'{"a": "x\\', {"a": "x\\"}),
        ('{"a": "x\\', {"a": "x"}),
        (r'{"a": "x\u00e', {"a": "x"}),
        (r'{"a": "x\u00e9', {"a": "xé"}),
        (r'{"a": "x\ud83d', {"a": "x"}),
        (r'{"a": "x\ud83d\udd2', {"a": "x"}),
        (r'{"a": "x\ud83d\udd26', {"a": "x🔦"}),
        (r'{"a": "x\ud83dy', {"a": "x\ud83dy"}),
        (r'{"a": "x\ud83d\n', {"a": "x\ud83d\n"}),
        (r'{"a": "x\ud83d\ud83d\udd26', {"a": "x\ud83d🔦"}),
        (r'{"\ud83d\udd26": 1}', {"🔦": 1}),
        # of a key that comes twice
        ('{"a": {"b": 1}, "a": "', {"a": ""}),
        ('{"a": "x", "a": ', {"a": "x"}),
        ('{"a": "x", "a": "y", "b": 1}', {"a": "y", "b": 1}),
    ],
)
def test_what_is_whole_of_a_text(text: str, whole: Any) -> None:
    assert whole_of(text) == whole
    assert fed(*text).value() == whole  # in pieces of one character


@pytest.mark.parametrize(
    "text",
    [
        *("[1]", '"text"', "12", "null", "}", "\ufeff{}", "word"),
        *("{a", "{'a'", "{1", '{"a" 1', '{"a",', '{"a": }', '{"a": 1,}', '{"a": 1]'),
        *('{"a": [1}', '{"a": [1,]', '{"a": [,', '{"a": 1 2', '{"a": "x" "y"', "{,"),
        *('{"a": 01,', '{"a": 1.,', '{"a": .5,', '{"a": 1e,', '{"a": +1,', '{"a": --1,'),
        *('{"a": NaN', '{"a": Infinity', '{"a": -Infinity', '{"a": 1e999,', '{"a": nul,'),
        *('{"a": True', '{"a": truth', '{"a": undefined'),
        *('{"a": "x\n', '{"a": "x\t', r'{"a": "\x', r'{"a": "\u12g', '{"a": "\x00'),
        *("{} {", "{}x", '{"a": \u0661,', '{"a": ' + "1" * 5000 + ",", '{\u00a0"a": 1'),
    ],
)
def test_what_is_no_object_of_json_has_no_value_from_there_on(text: str) -> None:
    for pieces in ([text], [*text]):
        growing = fed(*pieces)
        assert (growing.value(), growing.is_invalid, growing.is_whole) == (None, True, False)
        growing.feed('"}')
        assert growing.value() is None


@pytest.mark.parametrize("opening", ["[", '{"a": '])
def test_what_is_nested_too_deep_has_no_value(opening: str) -> None:
    fits = fed('{"a": ' + opening * 98)
    assert fits.value() is not None
    fits.feed("[")
    assert fits.value() is not None
    fits.feed("[")
    assert (fits.value(), fits.is_invalid) == (None, True)
    assert whole_of('{"a": ' + opening * 1_000_000) is None


def test_a_value_is_a_snapshot() -> None:
    growing = fed('{"a": [1, {"b": "x')
    before = growing.value()
    growing.feed('y"}], "c": 2}')
    assert before == {"a": [1, {"b": "x"}]}
    after = growing.value()
    assert after == {"a": [1, {"b": "xy"}], "c": 2}
    assert after is not None
    after["a"].clear()  # an app may change what it was given
    assert growing.value() == {"a": [1, {"b": "xy"}], "c": 2}


# -- of all documents -----------------------------------------------------------------------


class Cut(Exception):
    """The text has ended."""


class Reference:
    """What is whole of the beginning of a document, read anew from its first character on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.value: Any = None
        with suppress(Cut):
            self.read(self.begin)

    def begin(self, value: Any) -> None:
        self.value = value

    def next(self) -> str:
        """The next character that is no space."""
        rest = self.text[self.at :].lstrip()
        self.at = len(self.text) - len(rest)
        if not rest:
            raise Cut
        return rest[0]

    def read(self, put: Callable[[Any], None]) -> None:
        first = self.next()
        if first == '"':
            self.read_string(put)
        elif first in "{[":
            self.at += 1
            inner: Any = {} if first == "{" else []
            put(inner)
            self.read_inner(inner)
        else:
            word = re.match(r"[-+.\w]+", self.text[self.at :])
            assert word
            self.at += word.end()
            if self.at == len(self.text) and word[0] not in ("true", "false", "null"):
                raise Cut
            put(json.loads(word[0]))

    def read_inner(self, inner: Any) -> None:
        is_first = True
        while self.next() not in "}]":
            if not is_first:
                self.at += 1  # a comma
            is_first = False
            if isinstance(inner, list):
                placed = len(inner)
                self.next()
                self.read(lambda value, at=placed: inner.__setitem__(slice(at, at + 1), [value]))
            else:
                keys: list[str] = []
                self.next()
                self.read_string(keys.append)
                self.next()
                self.at += 1  # a colon
                self.read(lambda value, key=keys[-1]: inner.__setitem__(key, value))
        self.at += 1

    def read_string(self, put: Callable[[Any], None]) -> None:
        whole = re.compile(r'"(?:[^"\\]|\\.)*"').match(self.text, self.at)
        if whole:
            self.at = whole.end()
            put(json.loads(whole[0]))
            return
        put(grown(self.text[self.at + 1 :]))
        raise Cut


def grown(inside: str) -> str:
    """What a string comes to that is not closed yet."""
    for end in range(len(inside), -1, -1):
        with suppress(ValueError):
            text = str(json.loads(f'"{inside[:end]}"'))
            last = text[-1:]
            is_escaped = "\ud800" <= last <= "\udbff" and inside[end - 1] != last
            if is_escaped and re.fullmatch(r"|\\|\\u|\\ud|\\ud[c-f].?", inside[end:]):
                return text[:-1]  # the other half may follow
            return text
    raise AssertionError(inside)


@given(documents())
def test_at_each_place_of_a_document_what_is_whole_is_there(text: str) -> None:
    growing = GrowingJSON()
    for at, character in enumerate(text, 1):
        growing.feed(character)
        assert growing.value() == Reference(text[:at]).value
        assert fed(text[:at]).value() == growing.value()
    assert (growing.is_whole, growing.is_invalid) == (True, False)
    assert growing.value() == json.loads(text)
    assert growing.size == len(text)


@given(documents(), st.lists(st.integers(0, 500), max_size=12), st.integers(0, 2**12))
def test_the_places_where_it_is_cut_and_looked_at_make_no_difference(
    text: str, places: list[int], looks: int
) -> None:
    growing = GrowingJSON()
    for number, piece in enumerate(cut(text, places)):
        growing.feed(piece)
        if looks >> number & 1:
            growing.value()
    assert growing.value() == json.loads(text)


@given(
    st.text(st.sampled_from('{}[]",:\\u019dDeE.-+truefalsn \n'), max_size=30), st.integers(0, 30)
)
def test_what_is_taken_is_what_json_takes(text: str, place: int) -> None:
    growing = fed(*cut('{"a"' + text, [place]))
    try:
        value = json.loads('{"a"' + text, parse_constant=_refuse)
    except ValueError:
        value = None
    assert growing.is_whole == (value is not None)
    assert growing.value() == value or not growing.is_whole


def _refuse(word: str) -> Any:
    raise ValueError(word)


# -- what it costs --------------------------------------------------------------------------

LONG = {
    "a string": lambda n: '{"a": "' + "word " * n + '"}',
    "escapes": lambda n: '{"a": "' + r"\n\u00e9\ud83d\udd26" * n + '"}',
    "a key": lambda n: '{"' + "key " * n + '": 1}',
    "a number": lambda n: '{"a": 0.' + "1234" * n + "}",
    "spaces": lambda n: '{"a":' + " \n \n" * n + "1}",
    "many values": lambda n: '{"a": [' + '1, "b", {"c": null},' * n + "0]}",
    "many keys": lambda n: "{" + "".join(f'"{at}": {at},' for at in range(n)) + '"a": 1}',
}


def work(name: str, size: int, n: int) -> Work:
    whole = LONG[name](n)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]

    def feed() -> None:
        assert fed(*pieces).is_whole

    return Work(calls_of(feed), allocated_by(feed), 1)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_the_work_is_linear(name: str, size: int) -> None:
    apart(work, name, size, 2)  # what is made once
    one, two = (apart(work, name, size, n) for n in (400, 800))
    assert two.over(one) < 2.2, (one, two)
