"""What a format is: one object for one response, Events in and bytes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from ..events import Event, Failed
from ..result import Result

#: Of an answer that leaves in one piece.
COMPLETE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_STREAM_HEADERS: Mapping[str, str] = {
    # no-transform: no proxy may touch the words; no-store: nor keep them.
    "Cache-Control": "no-store, no-transform",
    # nginx would hold the answer until it is whole.
    "X-Accel-Buffering": "no",
    # Keeps compressing middleware and nginx's gzip off: they hold back what they compress.
    "Content-Encoding": "identity",
    "X-Content-Type-Options": "nosniff",
}


class Format:
    """A format that has bytes for each batch of events. It may remember what it has encoded.

    :ivar comment: bytes that mean nothing, to show that the connection lives; b"" for none.
    :ivar is_complete: the answer leaves in one piece, once its run is over; see `Complete`.
    :ivar is_page: a person's browser shows it as it is; an error before it is then Flask's page.
    """

    name: ClassVar[str]
    mimetype: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = _STREAM_HEADERS
    comment: ClassVar[bytes] = b""
    is_complete: ClassVar[bool] = False
    is_page: ClassVar[bool] = False

    def encode(self, events: list[Event]) -> bytes:
        """What leaves for a batch; b"" for nothing.

        :raises TypeError, ValueError: an event cannot be encoded. Then the others may be given
            again, one by one.
        :raises Unterminated: the run failed, and the format has no word for that.
        """
        raise NotImplementedError

    def cut(self) -> None:
        """Called where a run ends without its terminal event, since its client has left.

        :raises OSError: nothing but a broken connection shows that the body is not whole.
        """

    def render(self, result: Result) -> tuple[bytes, int]:
        """The whole body, and its HTTP status; of a complete format."""
        raise NotImplementedError

    def refusal(self, failed: Failed) -> tuple[bytes, str]:
        """An error before the first byte: its body and MIME type."""
        return json.dumps(failed.payload()).encode(), "application/json"


class Complete(Format):
    """A format whose answer leaves in one piece."""

    headers = COMPLETE_HEADERS
    is_complete = True
