"""Server-sent events, encoded and decoded to the letter of WHATWG HTML section 9.2."""

from __future__ import annotations

import base64
import gc
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_stream import Data, Text
from flask_stream.formats.native import Native
from flask_stream.providers.surrogates import mend_all
from flask_stream.sse import Decoder, ServerSentEvent, decode, encode
from tests.conftest import ROOT
from tests.transcripts.reading import bytewise, cut

Case = dict[str, Any]


def own_cases() -> list[Case]:
    """The cases that the JavaScript parser is held to as well."""
    cases: list[Case] = json.loads((ROOT / "js" / "test" / "sse_cases.json").read_text("utf-8"))
    return cases


def body_of(case: Case) -> bytes:
    if "body_base64" in case:
        return base64.b64decode(case["body_base64"])
    body: str = case["body"]
    return body.encode()


def every_two_way_split(body: bytes) -> Iterator[list[bytes]]:
    for at in range(len(body) + 1):
        yield [body[:at], body[at:]]


def outcome_of(chunks: Iterable[bytes]) -> tuple[list[ServerSentEvent], str, int | None]:
    decoder = Decoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events, decoder.last_event_id, decoder.retry


def check(case: Case) -> None:
    body = body_of(case)
    events = [ServerSentEvent(e["type"], e["data"], e["lastEventId"]) for e in case["expected"]]
    expected = (events, case["expected_last_id"], case["expected_retry"])
    assert outcome_of([body]) == expected, "whole"
    assert outcome_of(bytewise(body)) == expected, "byte by byte"
    if chunks := case.get("chunks"):
        assert outcome_of(as_bytes(chunk) for chunk in chunks) == expected, "in its own chunks"
    for split in every_two_way_split(body):
        assert outcome_of(split) == expected, f"split at {len(split[0])}"


def as_bytes(chunk: str | list[int]) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else bytes(chunk)


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case["name"])
def test_a_body_of_server_sent_events_is_decoded_as_the_standard_says(case: Case) -> None:
    check(case)


def test_decodes_every_shared_case_whole_byte_by_byte_and_at_every_split(shared: Path) -> None:
    cases: list[Case] = json.loads((shared / "sse_cases.json").read_text("utf-8"))
    assert len(cases) > 100
    wrong = []
    for case in cases:
        try:
            check(case)
        except AssertionError as error:
            wrong.append(f"{case['name']}: {error}")
    assert not wrong, "\n".join(wrong)


# -- round trips ------------------------------------------------------------------------

# All of Unicode, with what breaks naive codecs more often than chance would have it.
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from("\r\n\0\u2028\u2029\x85\x0b\x0c\x1c\ufeff\ud83d\udd26\U0001f526:"),
    )
)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(name=NAMES, text=TEXTS, places=st.lists(st.integers(min_value=0), max_size=8))
def test_any_text_comes_back_whatever_the_chunks(name: str, text: str, places: list[int]) -> None:
    frame = encode(name, {"text": text})
    (event,) = decode(cut(frame, places))
    # WHATWG takes one space off the front of a value, as it was put there by encode.
    assert event == (name, event.data, "")
    assert json.loads(event.data) == {"text": mend_all(text)}


@given(values=st.lists(VALUES, max_size=4))
def test_any_json_comes_back_and_frames_do_not_run_into_each_other(values: list[Any]) -> None:
    body = b"".join(encode("value", value, id=str(at)) for at, value in enumerate(values))
    events = list(decode(bytewise(body)))
    assert [json.loads(event.data) for event in events] == values
    assert [event.last_event_id for event in events] == [str(at) for at in range(len(values))]


@given(text=TEXTS)
def test_a_frame_is_exactly_two_lines_and_a_blank_one(text: str) -> None:
    frame = encode("text", {"text": text})
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame
    assert frame.startswith(b"event: text\ndata: {")
    assert frame.endswith(b"}\n\n")


@given(pieces=st.lists(st.binary(max_size=40), max_size=6))
def test_arbitrary_bytes_decode_to_the_same_events_whatever_the_chunks(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert outcome_of(pieces) == outcome_of([whole]) == outcome_of(bytewise(whole))


# -- what the frames look like ----------------------------------------------------------


def test_a_frame_is_compact_json_in_utf_8_as_it_is() -> None:
    assert encode("text", {"text": "Größe 🔦", "n": [1, None]}) == (
        'event: text\ndata: {"text":"Größe 🔦","n":[1,null]}\n\n'.encode()
    )


def test_an_id_comes_before_the_event() -> None:
    assert encode("start", {"id": "a1"}, "a1") == b'id: a1\nevent: start\ndata: {"id":"a1"}\n\n'


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("\ud83d", "\ufffd"),
        ("\udd26a", "\ufffda"),
        ("a\ud83d\ud83db", "a\ufffd\ufffdb"),
        ("\udd26\ud83d", "\ufffd\ufffd"),
        ("\ud83d\udd26", "\U0001f526"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(text: str, mended: str) -> None:
    for event in (Text(text), Data("note", {"text": text})):
        (decoded,) = decode([Native().encode([event])])
        assert json.loads(decoded.data) == {"text": mended}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", object()])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode("note", value)


def test_line_separators_of_unicode_end_no_line() -> None:
    data = "a\u2028b\u2029c\x85d\x0be\x0cf"
    assert [event.data for event in decode([f"data: {data}\n\n".encode()])] == [data]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"data: \xff\n\n", "\ufffd"),
        (b"data: a\xc3\n\n", "a\ufffd"),
        (b"data: \xe2\x82\n\n", "\ufffd"),
        (b"data: \xf0\x9f\x94x\n\n", "\ufffdx"),
        (b"data: \xed\xa0\xbd\n\n", "\ufffd\ufffd\ufffd"),
        (b"data: \xc0\xaf\n\n", "\ufffd\ufffd"),
    ],
)
def test_malformed_utf_8_becomes_replacement_characters_as_in_browsers(
    body: bytes, data: str
) -> None:
    for chunks in ([body], bytewise(body)):
        assert [event.data for event in decode(chunks)] == [data]


def test_an_event_is_given_as_soon_as_its_blank_line_is_there() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\n") == []
    assert [e.data for e in decoder.feed(b"\n")] == ["a"]
    assert decoder.feed(b"data: b\r") == []
    assert [e.data for e in decoder.feed(b"\r")] == ["b"]
    assert decoder.feed(b"\n") == []  # the second half of a CRLF, and no event of its own


def test_a_block_that_the_end_cuts_off_is_dropped() -> None:
    assert [event.data for event in decode([b"data: a\n\ndata: b\n"])] == ["a"]


# -- cost -------------------------------------------------------------------------------


def seconds_for(chunks: list[bytes]) -> float:
    """Of the processor; without the garbage collector, whose cost is that of the whole process."""
    gc.disable()
    begun = time.process_time()
    for _ in decode(chunks):
        pass
    spent = time.process_time() - begun
    gc.enable()
    return spent


# 64 times the bytes in each: linear cost is 64 times the time, quadratic 4,096 times. What lies
# between, ten times the norm, is room for a noisy machine.


def test_a_long_line_byte_by_byte_costs_linear_time() -> None:
    def line(length: int) -> list[bytes]:
        return [b"data: ", *([b"x"] * length), b"\n\n"]

    small = max(seconds_for(line(16_000)) for _ in range(3))
    assert seconds_for(line(1_024_000)) < 640 * small


def test_many_events_in_one_chunk_cost_linear_time() -> None:
    frame = encode("text", {"text": "word "})
    small = max(seconds_for([frame * 1_000]) for _ in range(3))
    assert seconds_for([frame * 64_000]) < 640 * small
