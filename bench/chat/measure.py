"""What a chat costs the main thread of its page, and its memory."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, TimeoutError

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds
VIEW = {"width": 900, "height": 700}


@dataclass(frozen=True)
class Way:
    """How a page shows that it is ready, asks, and has shown its answer: in JavaScript.

    :ivar drawn: whether so many turns are there, and the last one is in view.
    """

    name: str
    page: str
    ready: str
    drawn: str
    ask: str
    answered: str


OURS = Way(
    "<flask-chat>",
    "ours",
    "customElements.get('flask-chat') && !!document.querySelector('[data-chat=end]')",
    "(() => { const last = document.querySelector('[data-turn]:last-child');"
    " return last?.hasAttribute('role')"
    " && last.getBoundingClientRect().top < innerHeight })()",
    "words => document.querySelector('flask-chat').ask(words)",
    "number => document.querySelectorAll('[data-chat=copy]').length >= number",
)
STREAM = Way(
    "<flask-stream> with Markdown",
    "stream",
    "customElements.get('flask-stream') && !!document.querySelector('[data-state=idle]')",
    "",
    "words => { const body = new URLSearchParams({ question: words });"
    " document.querySelector('flask-stream').start('/ours', { method: 'POST', body }) }",
    "number => !!document.querySelector('[data-state=done]')",
)
DEEP = Way(
    "deep-chat",
    "deep",
    "!!document.querySelector('deep-chat')?.shadowRoot?.querySelector('#text-input')",
    "(() => { const all = document.querySelector('deep-chat')?.shadowRoot"
    "?.querySelectorAll('.ai-message-text'); const last = all?.[all.length - 1];"
    " return !!last?.textContent && last.getBoundingClientRect().bottom < innerHeight + 100 })()",
    "words => document.querySelector('deep-chat').submitUserMessage({ text: words })",
    "number => { const all = document.querySelector('deep-chat').shadowRoot"
    ".querySelectorAll('.ai-message-text');"
    " return all.length >= number"
    " && all[all.length - 1].textContent.trim().endsWith('That is the whole answer.') }",
)


class Bench:
    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url

    def opening(self, way: Way, turns: int) -> float:
        """Main-thread milliseconds from the navigation until it can be used, and its end read."""
        with self._page() as (page, client):
            page.goto(f"{self._url}/{way.page}/{turns}", wait_until="commit")
            page.wait_for_function(way.drawn if turns else way.ready, polling="raf")
            return _spent(client)

    def blank(self) -> float:
        """The same of a page with nothing in it."""
        with self._page() as (page, client):
            page.goto(f"{self._url}/blank/0")
            return _spent(client)

    def interactive(self, way: Way) -> float:
        """Milliseconds by the clock, from the navigation until it can be used."""
        with self._page() as (page, _):
            page.goto(f"{self._url}/{way.page}/0", wait_until="commit")
            page.wait_for_function(way.ready, polling="raf")
            since: float = page.evaluate("performance.now()")
            return since

    def answer(self, way: Way, length: int) -> float:
        """Main-thread milliseconds for one answer of so many characters, as fast as it comes.

        Infinite where it is not there within `PATIENCE`.
        """
        with self._page() as (page, client):
            page.goto(f"{self._url}/{way.page}/0")
            page.wait_for_function(way.ready)
            before = _spent(client)
            page.evaluate(way.ask, str(length))
            try:
                page.wait_for_function(way.answered, arg=1, timeout=PATIENCE * 1000)
            except TimeoutError:
                return math.inf
            return _spent(client) - before

    def memory(self, way: Way, questions: int, length: int) -> tuple[float, int]:
        """Megabytes of JavaScript's heap, and nodes, more than before so many questions."""
        with self._page() as (page, client):
            page.goto(f"{self._url}/{way.page}/0")
            page.wait_for_function(way.ready)
            page.evaluate(way.ask, str(length))
            page.wait_for_function(way.answered, arg=1)
            before = _held(client)
            for number in range(2, questions + 2):
                page.evaluate(way.ask, str(length))
                page.wait_for_function(way.answered, arg=number)
            heap, nodes = _held(client)
            return (heap - before[0]) / 1e6, int(nodes - before[1])

    @contextmanager
    def _page(self) -> Iterator[tuple[Page, CDPSession]]:
        context = self._browser.new_context(viewport=VIEW)
        page = context.new_page()
        client = context.new_cdp_session(page)
        # By the processor's clock: what other programs take from this one does not count.
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        yield page, client
        context.close()


def _metrics(client: CDPSession) -> dict[str, float]:
    answer = client.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}


def _spent(client: CDPSession) -> float:
    return _metrics(client)["TaskDuration"] * 1000


def _held(client: CDPSession) -> tuple[float, float]:
    client.send("HeapProfiler.collectGarbage")
    found = _metrics(client)
    return found["JSHeapUsedSize"], found["Nodes"]


@contextmanager
def server() -> Iterator[str]:
    """The address of a server in a process of its own, which takes no time from this one."""
    command = [sys.executable, "-m", "bench.chat.site"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
