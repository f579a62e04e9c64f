"""Puts what a run has found into the docs."""

from __future__ import annotations

import re

from .plot import draw
from .processes import ROOT
from .results import Results
from .tables import report

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
FIGURES = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)


def write(results: Results) -> None:
    """The figures of the page are replaced; what is said around them stays."""
    draw(results, PICTURE)
    picture = "![A token's price, and its delay](performance.svg)"
    figures = f"\n{picture}\n\n{report(results)}\n\n"
    text, found = FIGURES.subn(
        lambda match: match[1] + figures + match[2], PAGE.read_text(encoding="utf-8")
    )
    assert found == 1, f"{PAGE} has no place for the figures"
    PAGE.write_text(text, encoding="utf-8")
