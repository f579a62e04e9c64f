"""What is done to a response's bytes before a decoder of somebody else's has them.

The SDKs' and sseclient's read an event of any size, and some copy what they have of it at each
of its lines. So they are given whole blocks, written again, of a bounded size and of few lines.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from weakref import WeakMethod

from ..errors import ProviderError
from ..sse import Decoder, ServerSentEvent

# sseclient (1.9) and anthropic (0.84) copy what they have of a block at each of its lines.
_MOST_LINES = 100

# Of what one read gave, at a time: each copy of it counts.
_PIECE = 65_536
# Of compressed bytes, of which httpx unpacks all that one read gave; gzip's thousandfold.
_PACKED_PIECE = 256

_Pieces = Iterable[bytes]


class Blocks(Decoder):
    """Cuts a body at its blank lines, and writes what stands between them again."""

    def read(self, block: bytes) -> ServerSentEvent | None:
        """What a whole block says, its blank line with it."""
        raise NotImplementedError

    def _dispatch(self) -> ServerSentEvent | None:
        data, kind = self._data, self._type
        self._data, self._type = [], ""
        if not data:
            return None
        if len(data) > _MOST_LINES:  # to JSON, a line's end between its parts is a space
            data = [" ".join(data)]
        name = f"event: {kind}\n" if kind else ""
        lines = "".join([f"data: {line}\n" for line in data])
        return self.read(f"{name}{lines}\n".encode())


class _Written(Blocks):
    """The blocks themselves, for whoever reads the bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(None, most)
        self.bytes = bytearray()

    def read(self, block: bytes) -> None:
        self.bytes += block


def too_long(most: int) -> ProviderError:
    """What an event of more than `most` bytes is."""
    return ProviderError(
        detail=f"The provider sent an event of more than {most} bytes (STREAM_MAX_EVENT_BYTES)."
    )


def in_pieces(chunk: bytes, size: int = _PIECE) -> _Pieces:
    """What one read gave: a few compressed bytes may unfold to very many."""
    if len(chunk) <= size:
        return (chunk,)
    return (chunk[at : at + size] for at in range(0, len(chunk), size))


def unpack_in_pieces(response: Any) -> None:
    """Have an httpx response unpack a few bytes at a time, whoever reads it."""
    if response is not None and response.headers.get("content-encoding", "identity") != "identity":
        _replace(response, "iter_raw", _packed)


def have_blocks(response: Any, most: int) -> None:
    """Have whoever reads an httpx response of events read whole blocks of at most `most` bytes.

    Its reader meets a ProviderError where one is longer.
    """
    _replace(response, "iter_bytes", lambda chunks: _blocks(chunks, most))


def _packed(chunks: _Pieces) -> Iterator[bytes]:
    for chunk in chunks:
        yield from in_pieces(chunk, _PACKED_PIECE)


def _blocks(chunks: _Pieces, most: int) -> Iterator[bytes]:
    written = _Written(most)
    for chunk in chunks:
        for piece in in_pieces(chunk):
            written.feed(piece)
            if written.bytes:
                yield bytes(written.bytes)
                written.bytes.clear()
            if written.too_long:
                raise too_long(most)


def _replace(response: Any, name: str, wrap: Callable[[_Pieces], Iterator[bytes]]) -> None:
    method = getattr(response, name, None)
    if not inspect.ismethod(method):  # it is replaced already, or not made like httpx's
        return
    weak = WeakMethod(method)  # a cycle would leave a stream that is dropped to the collector

    def replaced(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        method = weak()
        return wrap(method(*args, **kwargs)) if method is not None else iter(())

    with suppress(AttributeError):  # it has slots, or is read-only
        setattr(response, name, replaced)
