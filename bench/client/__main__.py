"""Measure the client beside other ways to show a stream. What and how: bench/README.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from .measure import Bench, Cost, server
from .report import MARKDOWN, TEXT, table, verdicts, was_busy


def main() -> int:
    args = arguments()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "This needs Chromium: «make bench» gets it, or set CHROMIUM to its path."
    with server() as url, sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        bench = Bench(browser, url, args.deltas, args.rate)
        names = args.only or bench.contenders()
        print(f"Chromium {browser.version}, {os.cpu_count()} processors, {load()}.")
        print(f"{args.deltas} deltas of 5 characters at {args.rate}/s; {args.rounds} rounds.\n")
        costs, courses = measure(bench, names, args.rounds)
        browser.close()
    report(costs, courses)
    print(f"\nAt the end: {load()}.")
    if args.json:
        figures = {name: [asdict(cost) for cost in rounds] for name, rounds in costs.items()}
        args.json.write_text(json.dumps({"costs": figures, "courses": courses}, indent=1))
    missed = any(not verdict.met for verdict in verdicts(costs, courses))
    return 1 if args.strict and missed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deltas", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=2000, help="deltas a second, in hundreds")
    parser.add_argument("--only", action="append", metavar="NAME", help="this contender (repeat)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--strict", action="store_true", help="a missed target is a failure")
    return parser.parse_args()


def measure(
    bench: Bench, names: Sequence[str], rounds: int
) -> tuple[dict[str, list[Cost]], dict[str, list[float]]]:
    """Each contender in each round, so that a machine that is slow for a while is so for all."""
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    tenths: dict[str, list[list[float]]] = {name: [] for name in names if name in (TEXT, MARKDOWN)}
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr)
        for name in names:
            costs[name].append(bench.cost(name))
        for name, found in tenths.items():
            found.append(bench.course(name))
    courses = {
        name: [median(tenth) for tenth in zip(*found, strict=True)]
        for name, found in tenths.items()
    }
    return costs, courses


def report(costs: Mapping[str, Sequence[Cost]], courses: Mapping[str, Sequence[float]]) -> None:
    print("Main-thread milliseconds (processor time; middle of the rounds)")
    print(table(costs))
    if was_busy(costs):
        print("The machine was busy: it gave some rounds fewer frames. Better measure again.")
    if courses:
        print("\nMain-thread milliseconds per 1,000 deltas of an answer twice as long, by tenths")
        for name, tenths in courses.items():
            print(f"{name}: {' '.join(f'{tenth:.0f}' for tenth in tenths)}")
    print()
    for verdict in verdicts(costs, courses):
        print(verdict)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
