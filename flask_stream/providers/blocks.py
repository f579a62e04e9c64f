"""What is done to a response's bytes before a decoder of somebody else's has them.

The SDKs' and sseclient's read an event of any size, and some copy what they have of it at each
of its lines. So they are given whole blocks, written again, of a bounded size and of few lines.
"""

from __future__ import annotations

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import ref

from ..errors import ProviderError
from ..giving_way import ROUND, give_way
from ..sse import Decoder, ServerSentEvent
from .shapes import content_of
from .unpack import OURS, coding_of, unpacked

# sseclient (1.9) and anthropic (0.84) copy what they have of a block at each of its lines.
_MOST_LINES = 100

# Bytes of what one read gave, at a time: each copy of it counts, and others wait meanwhile.
_PIECE = 16_384
# The same of events that an SDK decodes. A helper takes a tenth of a millisecond for one, and may
# pass over thousands, of which nobody hears. (AWS's frames come in larger pieces: their decoders
# copy what they have of one with each.)
_SDK_PIECE = 512
# Of what is packed in another way than ours, of which httpx unpacks all that one read gave.
_PACKED_PIECE = 256

_Chunks = Iterable[bytes]


class Blocks(Decoder, ABC):
    """Cuts a body at its blank lines, and writes what stands between them again."""

    @abstractmethod
    def read(self, block: bytes) -> ServerSentEvent | None:
        """What a whole block says, its blank line with it."""

    def dispatch(self, kind: str, data: list[str]) -> ServerSentEvent | None:
        if len(data) > _MOST_LINES:  # to JSON, a line's end between its parts is a space
            data = [" ".join(data)]
        name = f"event: {kind}\n" if kind else ""
        lines = "".join([f"data: {line}\n" for line in data])
        return self.read(f"{name}{lines}\n".encode())


class _Written(Blocks):
    """The blocks themselves, for whoever reads the bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(None, most)
        self._bytes = bytearray()

    def read(self, block: bytes) -> None:
        self._bytes += block

    def completed_by(self, piece: bytes) -> Iterator[bytes]:
        """The blocks that it completes, in one, if any.

        :raises ProviderError: behind them, an event is too long.
        """
        self.feed(piece)
        if self._bytes:
            yield bytes(self._bytes)
            self._bytes.clear()
        if self.too_long:
            raise too_long(self._most)


def too_long(most: float) -> ProviderError:
    """What an event of more than `most` bytes is."""
    return ProviderError(
        detail=f"The provider sent an event of more than {most} bytes (STREAM_MAX_EVENT_BYTES)."
    )


def paced(chunks: _Chunks, size: int = _PIECE) -> Iterator[bytes]:
    """What the reads give, in pieces, between which other greenlets have their turns.

    :param size: of a piece, in bytes.
    """
    for chunk in chunks:
        give_way()
        if len(chunk) <= size:
            yield chunk
            continue
        for piece in _cut(chunk, size):  # a few compressed bytes may unfold to very many
            give_way()
            yield piece


def _cut(chunk: bytes, size: int) -> _Chunks:
    return (chunk[at : at + size] for at in range(0, len(chunk), size))


class Reading:
    """Of a response's bytes, by an SDK's own decoder.

    :ivar is_over: set it, and nothing more is given, though it may have come already. Who reads
        on meets a ProviderError: to end would say that the answer is whole.
    """

    def __init__(self) -> None:
        self.is_over = False


def take_over(response: Any, most: int | None = None, *, by_sdk: bool = False) -> Reading:
    """Have whoever reads an httpx response read what we make of its bytes.

    They are unpacked here. It may be called again, with `most` or `by_sdk`. The `Reading` is the
    same one then, also where the bytes are being read already.

    :param most: it is of server-sent events, which an SDK decodes: whole blocks of at most so many
        bytes. Its reader meets a ProviderError where one has more.
    :param by_sdk: an SDK decodes it, whatever it is.
    :raises ProviderError: it is packed more than once. It is closed.
    """
    try:
        coding = coding_of(response.headers.get("content-encoding"))
    except ProviderError:
        response.close()
        raise
    current: Any = getattr(response, "iter_bytes", None)
    is_ours = isinstance(current, partial) and current.func is _iter_bytes
    reading: Reading = current.args[-1] if is_ours else Reading()
    by_sdk = by_sdk or most is not None
    if not (coding or by_sdk) or not (is_ours or inspect.ismethod(current)):
        return reading
    # By weak references: a cycle would leave a stream that is dropped to the collector.
    with suppress(AttributeError, TypeError):  # it has slots
        response.iter_bytes = partial(_iter_bytes, ref(response), coding, most, by_sdk, reading)
        if coding and coding not in OURS:
            response.iter_raw = partial(_iter_raw, ref(response))
    return reading


def _iter_bytes(
    weak: ref[Any],
    coding: str,
    most: int | None,
    by_sdk: bool,
    reading: Reading,
    *args: Any,
    **kwargs: Any,
) -> Iterator[bytes]:
    response = weak()
    if response is None:
        return
    if coding in OURS and content_of(response) is None:  # else it is unpacked
        chunks = unpacked(response.iter_raw(), coding)
    else:
        chunks = type(response).iter_bytes(response, *args, **kwargs)
    if most is not None:
        yield from _blocks(_pieces(chunks, _SDK_PIECE, reading), most)
    else:
        yield from _pieces(chunks, _PIECE, reading) if by_sdk else chunks


def _iter_raw(weak: ref[Any], *args: Any, **kwargs: Any) -> Iterator[bytes]:
    response = weak()
    if response is not None:
        for chunk in type(response).iter_raw(response, *args, **kwargs):
            for piece in _cut(chunk, _PACKED_PIECE):
                give_way()  # it may unfold to nothing, of which nobody hears
                yield piece


def _pieces(chunks: _Chunks, size: int, reading: Reading) -> _Chunks:
    for piece in paced(chunks, size):
        if reading.is_over:
            raise ProviderError("truncated", detail="its run has ended, or its relay was closed")
        yield piece


def _blocks(pieces: _Chunks, most: int) -> Iterator[bytes]:
    written = _Written(most)
    for piece in pieces:
        yield from written.completed_by(piece)


# -- the same for what an async client's own decoder reads ----------------------------------


def take_over_async(response: Any, most: int | None = None, *, by_sdk: bool = False) -> None:
    """`take_over` for an async client's response, on the event loop, before it is read.

    Whoever reads it is cancelled where it waits, and needs no `Reading`.

    :raises ProviderError: it is packed more than once.
    """
    coding = coding_of(response.headers.get("content-encoding"))
    if content_of(response) is not None:  # somebody has read it
        return
    with suppress(AttributeError, TypeError):  # it has slots
        if coding:
            response.aiter_raw = partial(_aiter_raw, ref(response))
        if most is not None or by_sdk:
            response.aiter_bytes = partial(_aiter_bytes, ref(response), most)


async def _aiter_raw(weak: ref[Any], *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
    response = weak()
    if response is not None:
        async for chunk in type(response).aiter_raw(response, *args, **kwargs):
            for piece in _cut(chunk, _PACKED_PIECE):
                yield piece


async def _aiter_bytes(weak: ref[Any], most: int | None, *args: Any) -> AsyncIterator[bytes]:
    response = weak()
    if response is None:
        return
    chunks = type(response).aiter_bytes(response, *args)
    if most is None:
        async for piece in _paced_async(chunks, _PIECE):
            yield piece
        return
    written = _Written(most)
    async for piece in _paced_async(chunks, _SDK_PIECE):
        for blocks in written.completed_by(piece):
            yield blocks


async def _paced_async(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """`paced`, on the event loop."""
    from asyncio import sleep  # which whoever reads here has loaded; most apps never do

    began = time.monotonic()
    async for chunk in chunks:  # there may be many without a wait
        for piece in _cut(chunk, size):
            if time.monotonic() - began > ROUND:  # or it has waited: once more costs less
                await sleep(0)
                began = time.monotonic()
            yield piece
