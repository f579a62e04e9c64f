"""What a provider that means harm can have us do: work that is linear, memory that is bounded.

Nothing here is timed: calls and bytes are counted, for n and for 2n.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest

from flask_stream import Event, ProviderError
from flask_stream.formats.native import Native
from flask_stream.providers.adapt import adapt
from flask_stream.providers.relay import relay_batches, relay_source
from tests.bare import bare_run
from tests.conftest import Site
from tests.hostile.catalogue import BEHAVIOURS
from tests.hostile.provider import SOURCES, HostileProvider
from tests.hostile.registry import Behaviour, Wait, chunked
from tests.hostile.speech import SPEECHES, Speech
from tests.hostile.transport import error, whole
from tests.hostile.work import Counted, Work, allocated_by, apart, calls_of, peak_of
from tests.in_memory import InMemory
from tests.own_time import in_turn, part_of
from tests.provider import WIRES
from tests.servers.client import events_of
from tests.transcripts.reading import Dicts, block, chunk, piece

N = 120
N_WIDE = 24
WIDE = "x" * 4_000  # a word beside which all else that an event costs is little
LINEAR = 2.1  # times as much for twice as much: what is quadratic costs up to four times as much

IN_STREAM = [name for name, b in BEHAVIOURS.items() if b.body is not None and not b.endless]


def pieces(behaviour: Behaviour, wire: str, n: int, word: str) -> list[bytes]:
    assert behaviour.body is not None
    speech = type(SPEECHES[wire])(wire, word)
    return [part for part in behaviour.body(speech, n) if isinstance(part, bytes)]


def grows(behaviour: Behaviour) -> bool:
    """Whether there is more of it the more there is to be."""
    few, many = (pieces(behaviour, WIRES[0], n, "x") for n in (2, 20))
    return sum(map(len, many)) > sum(map(len, few)) + 100


# Those of which there may be any number; of a body that is framed in an odd way, requests' reader
# is another.
FLOODS = [name for name in IN_STREAM if grows(BEHAVIOURS[name])]
FRAMED = [
    *("comments without a blank line", "an event of many lines of data", "many line breaks"),
    *("lines that end in every way", "many citations one each"),
]
CASES = [(name, "httpx") for name in FLOODS] + [(name, "requests") for name in FRAMED]


pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")


def opened(source: str, wire: str, body: list[bytes]) -> Any:
    if source == "httpx":
        headers = {"Content-Type": "text/event-stream"}
        return httpx.Response(200, headers=headers, content=iter(body))
    with InMemory(body) as provider:
        return provider.post(wire)


def run(batches: Iterator[list[Event]]) -> int:
    """A run, as its events leave in the native format, in bytes; its result is kept."""
    run, encode = bare_run(), Native().encode
    run.open(batches)
    sent = sum(len(encode(events)) for events in run.batches())
    run.result.to_dict()
    return sent


def work(name: str, wire: str, source: str, n: int) -> Work:
    """That of n: calls where words are short, and bytes where fewer of them are long."""
    short = pieces(BEHAVIOURS[name], wire, n, "x")
    long = pieces(BEHAVIOURS[name], wire, n * N_WIDE // N, WIDE)

    sent: list[int] = []

    def read(body: list[bytes]) -> None:
        sent.append(run(relay_batches(adapt(opened(source, wire, body)))))

    return Work(calls_of(lambda: read(short)), allocated_by(lambda: read(long)), sent[-1])


@pytest.mark.parametrize(
    ("name", "source", "wire"),
    part_of(
        ((*case, wire) for case in CASES for wire in WIRES),
        kept=[(*case, wire) for case, wire in in_turn(CASES, WIRES)],
    ),
)
def test_twice_as_much_of_a_flood_costs_twice_as_much(name: str, source: str, wire: str) -> None:
    one, two = (apart(work, name, wire, source, n) for n in (N, 2 * N))
    assert two.over(one) < LINEAR, (one, two)


def compared(wire: str, n: int) -> int:
    """How often, for n indexes that a provider has chosen so that their hashes are one."""
    dicts: list[dict[str, Any]] = []
    for i in range(1, n):
        index = Counted(i * (2**61 - 1))
        call = {"type": "tool_use", "id": f"t{i}", "name": "look", "input": {}}
        item = {"type": "function_call", "call_id": f"t{i}", "name": "look", "arguments": "{}"}
        dicts += {
            "anthropic": block(index, call),
            "openai_chat": [chunk(piece(index, f"t{i}", "look", "{}"))],
            "openai_responses": [
                {"type": "response.output_item.added", "output_index": index, "item": item},
                {"type": "response.output_item.done", "output_index": index, "item": item},
            ],
        }[wire]
    Counted.compared = 0
    try:
        for _ in relay_source(Dicts(dicts, wire)):
            pass
    except ProviderError:  # it has no end
        pass
    return Counted.compared


@pytest.mark.parametrize("wire", WIRES)
def test_indexes_whose_hashes_are_alike_cost_no_more_than_others(wire: str) -> None:
    """In a dict, each of them would be compared with all that are there."""
    one, two = compared(wire, N), compared(wire, 2 * N)
    assert two <= LINEAR * max(one, 10 * N), (one, two)


# -- memory -----------------------------------------------------------------------------------

# Times the bytes that came: as much as Python's objects are larger than what they are made of.
TIMES = 60
BESIDE = 1_500_000  # bytes, whatever comes


def arguments_with_many_places_to_cut(s: Speech, n: int) -> bytes:
    return s.whole_call("[" * 900 + "1," * n)


def memory(name: str, wire: str, n: int) -> int:
    body = pieces(BEHAVIOURS[name], wire, n, WIDE)
    return peak_of(lambda: run(relay_batches(adapt(opened("httpx", wire, body)))))


@pytest.mark.parametrize("name", FLOODS)
def test_twice_as_much_of_a_flood_takes_twice_the_memory(name: str) -> None:
    for wire in WIRES:
        apart(memory, name, wire, 2)
        one, two = (apart(memory, name, wire, n) for n in (2 * N_WIDE, 4 * N_WIDE))
        assert two < LINEAR * one + 100_000, (wire, one, two)


@pytest.mark.parametrize("wire", WIRES)
def test_arguments_that_are_cut_off_take_no_more_memory_than_they_are_long(wire: str) -> None:
    s = SPEECHES[wire]
    body = [s.head, arguments_with_many_places_to_cut(s, 50_000), s.tail]
    peak = peak_of(lambda: run(relay_batches(adapt(opened("httpx", wire, body)))))
    assert peak < TIMES * sum(map(len, body)), peak


# -- with the caps as they are for everybody ----------------------------------------------------

MEGABYTE = 1_000_000
# An event's cap is 8 MiB, of bytes; as text, and on its way from one to the other, it is some more.
MOST = 48 * MEGABYTE


def endless(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield s.head + b"data: "
    while True:
        yield b"x" * 65_536


def endless_lines(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield s.head
    while True:
        yield b"data: xxxxxxxxx\n" * 4_096


def endless_text(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield s.head
    while True:
        yield s.text("x" * 20_000)


def endless_error(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n"
    while True:
        yield b"x" * 65_536


def line_of_20_megabytes(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield s.head
    for _ in range(20):
        yield b"x" * MEGABYTE
    yield b"\n\n" + s.tail


@cache  # made before memory is looked at
def bomb(head: bytes = b"") -> bytes:
    """100 KB that unfold to 100 MB."""
    packing = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    packed = [packing.compress(head), *(packing.compress(b"x" * MEGABYTE) for _ in range(100))]
    return b"".join(packed) + packing.flush()


def packed(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n"
    yield bomb(s.head + b"data: ")


def packed_error(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield error(500, bomb(), "Content-Encoding: gzip")


def comments(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield s.head
    for _ in range(50):
        yield b":\n" * 8_192
    yield b"\n" + s.text("x") + s.tail


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as provider:
        provider.limit = 40 * MEGABYTE
        yield provider


@pytest.fixture(scope="module")
def warm(provider: HostileProvider) -> HostileProvider:
    """Each source has been read once, and what is packed is."""
    for make in (packed, packed_error):
        list(make(SPEECHES["openai_chat"], 0))
    provider.behave = Behaviour("whole", lambda s, n: chunked([whole(s)]))
    for source in SOURCES:
        ended(provider, source)
    return provider


def ended(provider: HostileProvider, source: str) -> str:
    """How an answer ends in an app with all settings as they are: done, or an error's code."""
    site = Site()
    site.view(lambda: SOURCES[source](provider, "openai_chat"))
    response = site.ask()
    body = response.get_data()
    if response.status_code != 200:
        assert response.json is not None
        code: str = response.json["code"]
        return code
    kind, payload = events_of(body)[-1]
    return payload["code"] if kind == "failed" else kind


def behave(provider: HostileProvider, make: Any, *, is_body: bool, is_endless: bool) -> None:
    def play(s: Speech, n: int) -> Iterator[bytes | Wait]:
        told = make(s, n)
        return chunked(told) if is_body else told

    provider.behave = Behaviour(make.__name__, play, endless=is_endless)


OURS = ["SDK stream", "requests", "httpx"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (endless, "provider_error"),
        (endless_lines, "provider_error"),
        (line_of_20_megabytes, "provider_error"),
    ],
)
def test_an_event_above_the_cap_ends_the_run_before_it_is_in_memory(
    warm: HostileProvider, source: str, make: Any, code: str
) -> None:
    behave(warm, make, is_body=True, is_endless="endless" in make.__name__)
    codes: list[str] = []
    peak = peak_of(lambda: codes.append(ended(warm, source)))
    assert codes == [code]
    assert peak < MOST, peak


@pytest.mark.parametrize("source", OURS)
def test_text_without_end_ends_as_too_long(warm: HostileProvider, source: str) -> None:
    behave(warm, endless_text, is_body=True, is_endless=True)
    codes: list[str] = []
    peak = peak_of(lambda: codes.append(ended(warm, source)))
    assert codes == ["too_long"]
    assert peak < MOST, peak


@pytest.mark.parametrize("source", OURS)
def test_a_body_that_unfolds_to_100_megabytes_is_not_unfolded(
    warm: HostileProvider, source: str
) -> None:
    behave(warm, packed, is_body=False, is_endless=False)
    codes: list[str] = []
    peak = peak_of(lambda: codes.append(ended(warm, source)))
    assert codes == ["provider_error"]
    assert peak < MOST, peak


@pytest.mark.parametrize("source", ["requests", "httpx"])
@pytest.mark.parametrize("make", [endless_error, packed_error])
def test_of_an_errors_body_only_its_beginning_is_read(
    warm: HostileProvider, source: str, make: Any
) -> None:
    behave(warm, make, is_body=False, is_endless=make is endless_error)
    codes: list[str] = []
    peak = peak_of(lambda: codes.append(ended(warm, source)))
    assert codes == ["provider_error"]
    assert peak < 2 * MEGABYTE, peak


@pytest.mark.parametrize("source", OURS)
def test_comments_of_800_kilobytes_without_a_blank_line_are_no_event(
    warm: HostileProvider, source: str
) -> None:
    behave(warm, comments, is_body=True, is_endless=False)
    codes: list[str] = []
    peak = peak_of(lambda: codes.append(ended(warm, source)))
    assert codes == ["done"]
    assert peak < MOST, peak
