"""What showing one stream costs the main thread of a page."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page

from .answer import DELTA, END

ROOT = Path(__file__).parents[2]
SLICES = 10


@dataclass
class Cost:
    """Milliseconds of the main thread's processor time, but for the long tasks."""

    total: float
    script: float
    layout: float
    frames: int
    long_tasks: list[float]  # by the clock: what a reader waits


class Bench:
    def __init__(self, browser: Browser, url: str, deltas: int, rate: int) -> None:
        self._browser = browser
        self._url = url
        self._deltas = deltas
        self._rate = rate

    def contenders(self) -> list[str]:
        with self._page() as (page, _):
            names: list[str] = page.evaluate("bench.names")
            return names

    def cost(self, contender: str) -> Cost:
        with self._page() as (page, client):
            before = _metrics(client)
            self._begin(page, contender, self._deltas)
            self._wait_until_shown(page, contender)
            spent = {name: (now - before[name]) * 1000 for name, now in _metrics(client).items()}
            return Cost(
                total=spent["TaskDuration"],
                script=spent["ScriptDuration"],
                layout=spent["LayoutDuration"] + spent["RecalcStyleDuration"],
                frames=page.evaluate("bench.frames()"),
                long_tasks=page.evaluate("bench.longTasks()"),
            )

    def course(self, contender: str) -> list[float]:
        """Milliseconds per 1,000 deltas in each tenth of an answer that is twice as long."""
        deltas = 2 * self._deltas
        points = []
        with self._page() as (page, client):
            self._begin(page, contender, deltas)
            begun = time.perf_counter()
            for number in range(SLICES + 1):
                at = begun + number * deltas / self._rate / SLICES
                time.sleep(max(0.0, at - time.perf_counter()))
                points.append((_metrics(client)["TaskDuration"], page.evaluate("bench.length()")))
            self._wait_until_shown(page, contender)
        return [
            (spent - spent_before) * 1000 / max(1, length - length_before) * DELTA * 1000
            for (spent_before, length_before), (spent, length) in pairwise(points)
        ]

    @contextmanager
    def _page(self) -> Iterator[tuple[Page, CDPSession]]:
        """A new page, in a process of its own, that has loaded everything."""
        context = self._browser.new_context(viewport={"width": 800, "height": 600})
        page = context.new_page()
        page.goto(self._url)
        client = context.new_cdp_session(page)
        # By the processor's clock: what other programs take from this one does not count.
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        client.send("HeapProfiler.collectGarbage")
        yield page, client
        context.close()

    def _begin(self, page: Page, contender: str, deltas: int) -> None:
        stream = f"/stream?deltas={deltas}&rate={self._rate}"
        page.evaluate("([name, url]) => bench.begin(name, url)", [contender, stream])

    def _wait_until_shown(self, page: Page, contender: str) -> None:
        text = page.evaluate("bench.shown()")
        assert text.rstrip().endswith(END.strip()), f"{contender} did not show all"
        assert abs(page.evaluate("bench.toTheEnd()")) < 2, f"{contender} did not follow the end"


def _metrics(client: CDPSession) -> dict[str, float]:
    answer = client.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}


@contextmanager
def server() -> Iterator[str]:
    """The address of a server in a process of its own, which takes no time from this one."""
    command = [sys.executable, "-m", "bench.client.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
