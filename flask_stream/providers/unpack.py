"""A body's bytes as they were before HTTP packed them (RFC 9110, section 8.4), a piece at a time.

The HTTP clients unpack all that one read gave, which may be a thousand times as much, keep what
comes behind the end, and unpack what was packed twice. So the two codings that every client asks
for are unpacked here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from ..errors import ProviderError
from ..giving_way import give_way

OURS = ("gzip", "deflate")

_PIECE = 65_536  # bytes unpacked at a time


def coding_of(header: str | None) -> str:
    """The name in Content-Encoding; empty where nothing is packed.

    :raises ProviderError: it is packed more than once, which no provider does: 265 bytes would be
        2 GB.
    """
    names = [name.strip().lower() for name in (header or "").split(",")]
    codings = [name.removeprefix("x-") for name in names if name not in ("", "identity")]
    if len(codings) > 1:
        raise ProviderError(detail=f"its body is packed more than once: {header}")
    return codings[0] if codings else ""


def unpacked(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """What `chunks` unfold to; what comes behind the packed body's end is passed over.

    :param coding: one of OURS.
    :raises ProviderError: they are not packed so.
    """
    body = zlib.decompressobj(_bits(coding))
    is_first = True
    for chunk in chunks:
        give_way()  # it may unfold to nothing, of which nobody hears
        if is_first and chunk and coding == "deflate" and not _has_header(chunk):
            body = zlib.decompressobj(-zlib.MAX_WBITS)  # as some write it, without zlib's header
        is_first = is_first and not chunk
        while not body.eof:
            try:
                piece = body.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise ProviderError(detail=f"its body is no {coding}: {error}") from error
            chunk = body.unconsumed_tail
            if piece:
                yield piece
            if not chunk and len(piece) < _PIECE:
                break


def _bits(coding: str) -> int:
    return zlib.MAX_WBITS | 16 if coding == "gzip" else zlib.MAX_WBITS


def _has_header(chunk: bytes) -> bool:
    """Whether it begins as zlib's format does (RFC 1950, section 2.2: CM is 8)."""
    return chunk[0] & 0x0F == 8
