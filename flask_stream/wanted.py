"""`Flask-Stream: find`, `Flask-Stream: stop`: what a request wants with a run beside reading it.

A client knows where its run is only once the answer has begun. Until then a reader may reload the
page, or press Stop. So it may ask at the address that it does know, by the same method and with the
same `Idempotency-Key`, and nothing is begun by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import texts
from .errors import Refused

if TYPE_CHECKING:
    from flask import Request

HEADER = "Flask-Stream"
FIND, STOP = "find", "stop"


def wanted(request: Request) -> str | None:
    """One of these two; None where there is no such header.

    :raises StreamFailed: it says something else.
    """
    told = request.headers.get(HEADER)
    if told is None or told in (FIND, STOP):
        return told
    raise Refused(texts.NO_WANT, error_code="bad_request", header=HEADER, find=FIND, stop=STOP)
