"""The answer as a page, once the run is over: what a form gets without JavaScript."""

from __future__ import annotations

import re

from markupsafe import escape

from ..result import Result
from .base import Complete, status_of


class Page(Complete):
    """`text/html`: the escaped text in paragraphs, and what went wrong, if anything did."""

    name = "page"
    mimetype = "text/html"
    is_page = True

    def render(self, result: Result) -> tuple[bytes, int]:
        blocks = [block for block in re.split(r"\n{2,}", result.text or result.refusal) if block]
        parts = [f"<p>{escape(block)}</p>".replace("\n", "<br>\n") for block in blocks]
        if result.error is not None:
            parts.append(f"<p role=alert>{escape(result.error.message)}</p>")
        page = (
            "<!doctype html>\n<html><head><meta charset=utf-8>"
            '<meta name=viewport content="width=device-width, initial-scale=1">'
            "<title>Answer</title></head>\n<body>\n{}\n</body></html>\n"
        )
        return page.format("\n".join(parts)).encode(errors="replace"), status_of(result)
