"""What a format is: one object for one response, Events in and bytes out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from ..errors import http_status
from ..events import Event, Failed
from ..result import Result

#: Of an answer that leaves in one piece.
COMPLETE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
STREAM_HEADERS: Mapping[str, str] = {
    # no-transform: no proxy may touch the words; no-store: nor keep them.
    "Cache-Control": "no-store, no-transform",
    # nginx would hold the answer until it is whole.
    "X-Accel-Buffering": "no",
    # Keeps compressing middleware and nginx's gzip off: they hold back what they compress.
    "Content-Encoding": "identity",
    "X-Content-Type-Options": "nosniff",
}


class Format(ABC):
    """What the two kinds of formats share. A response has one of its own.

    :ivar is_complete: which of the two kinds it is.
    :ivar is_page: a person's browser shows it as it is; an error before it is then Flask's page.
    """

    name: ClassVar[str]
    mimetype: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]
    is_complete: bool
    is_page: ClassVar[bool] = False

    def refusal(self, failed: Failed) -> tuple[bytes, str]:
        """An error before the first byte: its body and MIME type."""
        return json.dumps(failed.payload()).encode(), "application/json"


class Streamed(Format):
    """A format that has bytes for each batch of events. It may remember what it has encoded.

    :ivar comment: bytes that mean nothing, to show that the connection lives; b"" for none.
    """

    headers = STREAM_HEADERS
    is_complete: Literal[False] = False
    comment: ClassVar[bytes] = b""

    @abstractmethod
    def encode(self, events: list[Event]) -> bytes:
        """What leaves for a batch; b"" for nothing.

        :raises TypeError, ValueError: an event cannot be encoded. Nothing of its batch leaves, and
            the run fails.
        :raises Unterminated: the run failed, and the format has no word for that.
        """

    def cut(self) -> None:
        """Called where a run ends without its terminal event, since its client has left.

        :raises OSError: nothing but a broken connection shows that the body is not whole.
        """


class Complete(Format):
    """A format whose answer leaves in one piece, once its run is over."""

    headers = COMPLETE_HEADERS
    is_complete: Literal[True] = True

    @abstractmethod
    def render(self, result: Result) -> tuple[bytes, int]:
        """The whole body, and its HTTP status."""


def status_of(result: Result) -> int:
    """200, or that of the exception that it failed by, or what the failure's code stands for."""
    failed = result.error
    return 200 if failed is None else failed.status or http_status(failed.code)
