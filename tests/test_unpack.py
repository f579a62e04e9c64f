"""Bodies that are packed: unpacked a piece at a time, whoever reads them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flask_stream import ProviderError, relay
from flask_stream.providers.unpack import coding_of, unpacked
from tests.hostile.work import peak_of
from tests.in_memory import InMemory
from tests.provider import TEXT, told
from tests.transcripts.reading import collect

BODY = told("openai_chat")


def raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "x-gzip": ("X-GZip", gzip.compress(BODY)),
    "deflate": ("deflate", zlib.compress(BODY)),
    "deflate without zlib's header": ("deflate", raw_deflate(BODY)),
    "gzip, and nothing": ("gzip, identity", gzip.compress(BODY)),
    "nothing": ("identity", BODY),
}


def by_httpx(coding: str, pieces: list[bytes]) -> Any:
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": coding}
    return httpx.Response(200, headers=headers, content=iter(pieces))


def by_requests(coding: str, pieces: list[bytes]) -> Any:
    return InMemory(pieces, coding).post("openai_chat")


def by_sdk(coding: str, pieces: list[bytes]) -> Any:
    return InMemory(pieces, coding).create("openai_chat")


def by_helper(coding: str, pieces: list[bytes]) -> Any:
    return InMemory(pieces, coding).helper("openai_chat")


each_way = pytest.mark.parametrize("ask", [by_httpx, by_requests, by_sdk, by_helper])
Ask = Callable[[str, list[bytes]], Any]


@each_way
@pytest.mark.parametrize(("coding", "body"), PACKED.values(), ids=list(PACKED))
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_is_packed_is_read_as_it_was(ask: Ask, coding: str, body: bytes, size: int) -> None:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    _, result = collect(relay(ask(coding, pieces)))
    assert (result.outcome, result.text) == ("complete", TEXT)


@pytest.mark.parametrize("ask", [by_httpx, by_sdk, by_helper])
def test_what_is_packed_twice_is_no_answer(ask: Ask) -> None:
    bomb = gzip.compress(gzip.compress(gzip.compress(b"data: " + b"x" * 10**7)))

    def read() -> None:
        with pytest.raises(ProviderError) as caught:
            list(relay(ask("gzip, gzip, gzip", [bomb])))
        assert "packed more than once" in str(caught.value.detail)

    assert peak_of(read) < 3_000_000


@each_way
def test_what_is_not_packed_as_it_says_is_the_providers_failure(ask: Ask) -> None:
    _, result = collect(relay(ask("gzip", [b"no gzip at all"])))
    assert result.error is not None
    assert result.error.code == "provider_error"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_a_few_bytes_unfold_to_comes_in_pieces(coding: str) -> None:
    data = b"x" * 10**8
    body = gzip.compress(data) if coding == "gzip" else zlib.compress(data)

    def read() -> None:
        assert sum(len(piece) for piece in unpacked([body], coding)) == len(data)

    assert peak_of(read) < 1_000_000


def test_what_comes_behind_the_end_is_not_kept() -> None:
    def chunks() -> Iterator[bytes]:
        yield gzip.compress(b"all")
        for _ in range(1000):
            yield b"x" * 65_536

    said: list[bytes] = []
    assert peak_of(lambda: said.extend(unpacked(chunks(), "gzip"))) < 1_000_000
    assert said == [b"all"]


@pytest.mark.parametrize(
    ("header", "coding"),
    [(None, ""), ("", ""), ("identity", ""), (" GZIP ", "gzip"), ("br", "br"), ("x-gzip", "gzip")],
)
def test_the_header_names_the_coding(header: str | None, coding: str) -> None:
    assert coding_of(header) == coding
