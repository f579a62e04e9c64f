"""How far a request says that its reader knows a run: `Last-Event-ID`, or `?after=`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import texts
from .errors import Refused
from .owned import Gone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Request

_NUMBERED = re.compile(r"([0-9a-f]{32})\.([0-9]{1,15})")
_NUMBER = re.compile(r"[0-9]{1,15}")


def number_of(request: Request) -> tuple[str, int] | None:
    """The run and the number of `Last-Event-ID`; None where there is no such header.

    :raises StreamFailed: it is none of ours, so there is nothing to go on with.
    """
    told = request.headers.get("Last-Event-ID")
    if told is None:
        return None
    found = _NUMBERED.fullmatch(told)
    if found is None:
        raise Gone
    return found[1], int(found[2])


def after_of(arguments: Mapping[str, str]) -> int:
    """`?after=`: the number of the last event that is known; 0 unless told.

    :raises StreamFailed: it is no number.
    """
    told = arguments.get("after", "0")
    if not _NUMBER.fullmatch(told):
        raise Refused(texts.NO_POSITION, error_code="bad_request")
    return int(told)
