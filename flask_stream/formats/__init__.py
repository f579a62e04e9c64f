"""The formats, and which of them a request asks for."""

from .base import COMPLETE_HEADERS, Format
from .negotiate import FORMATS, choose, of_refusals
from .text import Unterminated

__all__ = ["COMPLETE_HEADERS", "FORMATS", "Format", "Unterminated", "choose", "of_refusals"]
