"""The formats, and which of them a request asks for."""

from .base import COMPLETE_HEADERS, Complete, Streamed, status_of
from .negotiate import FORMATS, AnyFormat, NothingFits, choose, of_refusals
from .text import Unterminated

__all__ = [
    "COMPLETE_HEADERS",
    "FORMATS",
    "AnyFormat",
    "Complete",
    "NothingFits",
    "Streamed",
    "Unterminated",
    "choose",
    "of_refusals",
    "status_of",
]
