"""`stream()` where there is no page: in a worker."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page

from tests.browser.client_server import Site
from tests.browser.on_site import CORE

pytestmark = pytest.mark.browser

# Told to ask, a worker streams the answer, and posts what came of it.
ASKING = """
import { parse, stream } from %s;
onmessage = async ({ data: [url, options] }) => {
  const types = [];
  try {
    const run = stream(url, options);
    for await (const { type } of run) types.push(type);
    postMessage({ types, text: run.text, state: run.state, parses: typeof parse });
  } catch ({ code, message }) {
    postMessage({ types, code, message });
  }
};
"""

ASK = """([script, url, options]) => new Promise((resolve, reject) => {
  window.worker = new Worker(script, { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage([url, options]);
})"""


@pytest.fixture
def script(site: Site) -> str:
    """The URL of a worker's module that imports the committed file."""
    site.scripts["/worker.js"] = ASKING % json.dumps(CORE)
    return site.url + "/worker.js"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_is_streamed_in_a_worker(
    page: Page, site: Site, script: str, method: str
) -> None:
    page.goto(site.page("", csp="default-src 'self'"))
    asked = page.evaluate_handle(
        f"(given) => ({{ told: ({ASK})(given) }})",
        [script, site.url + "/answer", {"method": method}],
    )
    exchange = site.request("/answer")
    assert exchange.method == method
    exchange.answer("Hello from here")
    told = page.evaluate("({ told }) => told", asked)
    assert told == {
        "types": ["start", "text", "done"],
        "text": "Hello from here",
        "state": "done",
        "parses": "function",
    }


def test_a_refusal_has_its_words_in_a_worker(page: Page, site: Site, script: str) -> None:
    page.goto(site.page("", csp="default-src 'self'"))
    asked = page.evaluate_handle(
        f"(given) => ({{ told: ({ASK})(given) }})",
        [script, site.url + "/answer", {"method": "POST"}],
    )
    answer = site.request("/answer").begin(403, "application/json")
    answer.write(json.dumps({"message": "No more today."}).encode()).end()
    told = page.evaluate("({ told }) => told", asked)
    assert told == {"types": [], "code": "http", "message": "No more today."}
