"""Pages in other languages than English, and the words that the client has for them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from playwright.sync_api import Page

from tests.browser.client_server import STRICT_CSP, Site
from tests.conftest import ROOT

WORDS = ROOT / "js" / "src" / "words"
LANGUAGES = sorted(path.stem for path in WORDS.iterdir())
SRC = '<flask-stream src="/answer"></flask-stream>'


def chat(turns: str = "") -> str:
    """As the template's tag writes it, but for its words, after these turns."""
    return f"""<flask-chat feedback="/rate"><flask-stream form=chat render=markdown append>
      <div data-stream=output>{turns}</div><p data-stream=status role=status></p>
      <form id=chat data-chat=composer method=post action="/chat" enctype="multipart/form-data">
        <div data-chat=field>
          <input type=file name=files multiple accept=".9" data-max-bytes=1000>
          <textarea name=question></textarea>
        </div></form></flask-stream></flask-chat>"""


def words_of(language: str) -> dict[str, str]:
    words: dict[str, str] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return words


def open_page(
    page: Page,
    site: Site,
    body: str,
    *,
    html: str = "lang=en",
    words: Mapping[str, str] | str | None = None,
    csp: str = STRICT_CSP,
) -> None:
    """Show a page under a strict policy.

    :param html: attributes of its `html`.
    :param words: its own; as a string, the text of the script.
    """
    own = words if isinstance(words, str) else json.dumps(words).replace("<", r"\u003c")
    script = f'<script type="application/json" data-stream-words>{own}</script>' if words else ""
    site.pages["/"] = (
        f"<!doctype html><html {html}><meta charset=utf-8><title>Test</title>"
        '<meta name=viewport content="width=device-width">'
        '<link rel=stylesheet href="/static/flask-stream.css">'
        '<link rel=stylesheet href="/static/flask-chat.css"><script src="/recorder.js"></script>'
        '<script type=module src="/static/flask-stream-chat.js"></script>'
        f"{script}<body>{body}",
        csp,
    )
    page.goto(site.url)
