"""`Idempotency-Key`: what a request has that asks for the same answer as another one.

The header is that of the IETF's draft, draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from . import texts
from .errors import Refused
from .logs.log import Once

if TYPE_CHECKING:
    from flask import Request

HEADER = "Idempotency-Key"
_MOST = 255  # characters
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_READ = 65_536  # bytes
_MOST_RAW = 16 * 1024 * 1024  # bytes of a body that is no form


def once_of(request: Request) -> Once | None:
    """What the request is to be answered once for; None where it does not ask for that.

    Behind `keep_body`.

    :raises StreamFailed: its key is none.
    """
    key = key_of(request)
    return None if key is None else Once(key, _digest(_asked(request)))


def key_of(request: Request) -> str | None:
    """The key of that: of the same method, at the same path, with the same `Idempotency-Key`.

    :raises StreamFailed: that is none.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not key.strip() or len(key) > _MOST:
        raise Refused(
            texts.NO_KEY,
            error_code="bad_request",
            header=HEADER,
            most=_MOST,
            characters=len(key),
        )
    return _digest([request.method.encode(), request.path.encode(), key.strip().encode()])


def keep_body(request: Request) -> None:
    """Read what the request has sent, since its connection will be another request's.

    Before its view is called: what that has read of it would be read again.

    :raises StreamFailed: that is too much to be kept.
    """
    if request.mimetype in _FORMS:
        _ = request.form  # its files are on the disk
    else:
        _keep_raw(request)


def _asked(request: Request) -> Iterator[bytes]:
    """What the request asks for, in pieces that stand for nothing else.

    A form by its fields: a browser that sends it again may put other boundaries between them.
    """
    yield request.query_string
    if request.mimetype not in _FORMS:
        yield request.get_data()
        return
    for name, value in request.form.items(multi=True):
        yield name.encode()
        yield value.encode("utf-8", "surrogatepass")
    for name, file in request.files.items(multi=True):
        yield name.encode()
        yield (file.filename or "").encode("utf-8", "surrogatepass")
        content = hashlib.sha256()
        while piece := file.stream.read(_READ):
            content.update(piece)
        file.stream.seek(0)
        yield content.digest()


def _keep_raw(request: Request) -> None:
    """For whoever reads it again; a form's files would be on the disk."""
    read = bytearray()
    while piece := request.stream.read(_READ):
        read += piece
        if len(read) > _MOST_RAW:
            told = texts.TOO_LARGE
            raise Refused(told, error_code="too_large", status=413, most=_MOST_RAW)
    if not read:  # or something has read it before us, and kept it
        return
    body = bytes(read)
    request.stream = BytesIO(body)
    request.get_data()  # which keeps it, for get_json() and others
    request.stream = BytesIO(body)  # and for a view that reads it by itself


def _digest(pieces: list[bytes] | Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()
