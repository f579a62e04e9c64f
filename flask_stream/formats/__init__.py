"""The formats, and which of them a request asks for."""

from __future__ import annotations

from typing import Protocol

from ..events import Event
from .html import Html
from .json import Json
from .negotiate import FORMATS, Format, choose, prefers_html
from .text import Unterminated

__all__ = [
    "FORMATS",
    "Format",
    "Html",
    "Json",
    "Streaming",
    "Unterminated",
    "choose",
    "prefers_html",
]


class Streaming(Protocol):
    """A format that has bytes for each event.

    :ivar comment: bytes that mean nothing, to show that the connection lives; b"" for none.
    """

    name: str
    mimetype: str
    comment: bytes

    def encode(self, event: Event) -> bytes: ...

    def cut(self) -> None:
        """Called where a run ends without its terminal event, since its client has left.

        :raises OSError: nothing but a broken connection shows that the body is not whole.
        """
