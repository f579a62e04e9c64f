"""Measure a chat beside others that are dropped into a page. What and how: bench/README.md."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from statistics import median

from playwright.sync_api import sync_playwright

from .measure import DEEP, OURS, STREAM, Bench, Way, server
from .site import DEEP_CHAT
from .sizes import sizes

TURNS = 500
LONG = 200_000  # characters
QUESTIONS = 100
SHORT = 2000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chat", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "This needs Chromium: «make bench» gets it, or set CHROMIUM to its path."
    print("Bytes, gzip -9")
    for name, size in sizes().items():
        print(f"  {name:45} {size:9,}")
    ways = [OURS, DEEP] if DEEP_CHAT.is_dir() else [OURS]
    with server() as url, sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        bench = Bench(browser, url)
        print(f"Chromium {browser.version}, {os.cpu_count()} processors, {args.rounds} rounds.")
        report(bench, ways, args.rounds)
        browser.close()
    print(f"At the end: load {os.getloadavg()[0]:.1f}.")
    return 0


def report(bench: Bench, ways: Sequence[Way], rounds: int) -> None:
    def row(what: str, measure: Callable[[Way], float], of: Sequence[Way] = ways) -> None:
        """Each in each round, so that a machine that is slow for a while is so for all."""
        found: dict[str, list[float]] = {way.name: [] for way in of}
        for _ in range(rounds):
            for way in of:
                before = found[way.name]
                before.append(math.inf if math.inf in before else measure(way))
        print(what)
        for name, times in found.items():
            print(f"  {name:30} {median(times):8.0f}  ({min(times):.0f} to {max(times):.0f})")

    blank = median(bench.blank() for _ in range(rounds))
    print(f"Main-thread milliseconds (processor time) of a page with nothing in it: {blank:.0f}")
    row("Milliseconds by the clock until it can be used", bench.interactive)
    row("Main-thread milliseconds, an empty chat", lambda way: bench.opening(way, 0))
    row(f"Main-thread milliseconds, {TURNS} turns", lambda way: bench.opening(way, TURNS))
    row(
        f"Main-thread milliseconds, an answer of {LONG:,} characters",
        lambda way: bench.answer(way, LONG),
        [OURS, STREAM, *ways[1:]],
    )
    print(f"Held after {QUESTIONS} questions with answers of {SHORT:,} characters")
    for way in ways:
        heap, nodes = bench.memory(way, QUESTIONS, SHORT)
        print(f"  {way.name:30} {heap:8.1f} MB of heap, {nodes:,} nodes")


if __name__ == "__main__":
    sys.exit(main())
