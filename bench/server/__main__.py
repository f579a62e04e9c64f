"""Measure ours beside other ways to stream an answer. What and how: bench/README.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import about, page, rounds, scale
from .contenders import BY_HAND, GEVENT, GTHREAD, OURS, PATHS, PLAIN, Contender, contenders
from .measure import Load, at_once, opening, provider, steady
from .results import Results
from .tables import report
from .targets import verdicts
from .wires import ANTHROPIC, CHAT

PARTS = ("loads", "memory", "page", "scale", "soak")
STREAMS = (1, 40, 200)


def main() -> int:
    # Else what it has started would go on without it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = arguments()
    results = Results.load_from(args.read) if args.read else measure(args)
    print(report(results))
    if args.write:
        from .write import write  # for which matplotlib is needed, and for nothing else

        write(results)
    missed = any(not verdict.met for verdict in verdicts(results))
    return 1 if args.strict and missed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="a quarter of an hour, and figures that are no more than signs",
    )
    add("--part", action="append", choices=PARTS, help="this part (repeat)")
    add("--only", action="append", metavar="NAME", help="this contender (repeat)")
    add("--wire", action="append", choices=list(PATHS), help="this wire (repeat)")
    add(
        "--streams",
        action="append",
        type=int,
        help="this load (repeat); 0: those at once",
    )
    add("--rounds", type=int, help="of the load of 40 streams (7); half as many of the others")
    add("--seconds", type=float, help="for which each load is measured (3)")
    add("--soak", type=float, metavar="MINUTES", help="how long (1)")
    add("--against", type=Path, metavar="CHECKOUT", help="ours of another commit takes part too")
    add("--json", type=Path, metavar="FILE", help="write all figures there too, part by part")
    add("--read", type=Path, metavar="FILE", help="report on those figures, and measure nothing")
    add("--write", action="store_true", help="write docs/performance.md and its picture")
    add("--strict", action="store_true", help="a missed target is a failure")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 7)
    args.seconds = args.seconds or (1.0 if args.quick else 3.0)
    args.soak = args.soak or (0.25 if args.quick else 1.0)
    args.part = args.part or PARTS
    args.wire = args.wire or list(PATHS)
    args.streams = args.streams or ([40, 0] if args.quick else [*STREAMS, 0])
    return args


def measure(args: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = contenders(args.against, folder)
        known = [each.name for each in asked]
        if unknown := set(args.only or []) - set(known):
            raise SystemExit(f"No contender is called {unknown}. They are: {known}")
        asked = [each for each in asked if each.name in (args.only or known)]
        absent = {each.name: reason for each in asked if (reason := each.needs())}
        there = [each for each in asked if each.name not in absent]
        results = Results(
            machine=about.machine(),
            versions=about.versions(),
            rounds=args.rounds,
            seconds=args.seconds,
            quick=args.quick,
            compared={each.name: each.compared for each in asked},
            absent=absent,
        )
        before = about.load()
        with provider(folder) as port:
            for part in args.part:
                print(f"part: {part}", file=sys.stderr)
                MEASURES[part](args, there, port, folder, results)
                results.load = [before, about.load()]
                if args.json:  # after each part, since all of them take long
                    results.save(args.json)
        return results


def of_loads(
    args: argparse.Namespace, there: Sequence[Contender], port: int, folder: Path, results: Results
) -> None:
    half = max(1, args.rounds // 2)
    loads: dict[Load, int] = {}
    for streams in args.streams:
        if streams:
            times = args.rounds if streams == 40 else half
            loads[steady(streams, args.seconds)] = times
        else:
            loads[at_once(40, 100 if args.quick else 500)] = half
            loads[opening(50 if args.quick else 200)] = half
    results.loads = rounds.of_loads(there, args.wire, loads, port, folder)


def of_memory(
    args: argparse.Namespace, there: Sequence[Contender], port: int, folder: Path, results: Results
) -> None:
    results.memory = rounds.of_memory(there, args.wire, 100, port, folder)


def of_page(
    args: argparse.Namespace, there: Sequence[Contender], port: int, folder: Path, results: Results
) -> None:
    both = _both(there, GTHREAD)
    if both:
        with page.chromium() as browser:
            times = 3 if args.quick else 25
            results.first_words = page.first_words(browser, both, port, folder, times)
            results.chats = page.chats(browser, both, port, folder, times=3 if args.quick else 10)


def of_scale(
    args: argparse.Namespace, there: Sequence[Contender], port: int, folder: Path, results: Results
) -> None:
    times = 1 if args.quick else 3
    for wire in (wire for wire in (CHAT, ANTHROPIC, PLAIN) if wire in args.wire):
        if both := _both(there, GEVENT):
            many = scale.many(1000, seconds=3 * args.seconds)
            results.many[wire] = scale.figures_of(both, wire, many, 1, port, folder)
        if wire != PLAIN and (both := _both(there, GTHREAD)):
            burst = scale.burst(400)
            results.burst[wire] = scale.figures_of(both, wire, burst, times, port, folder)


def of_soak(
    args: argparse.Namespace, there: Sequence[Contender], port: int, folder: Path, results: Results
) -> None:
    results.soak_minutes = args.soak
    for worker in (GTHREAD, GEVENT):
        for each in there:
            if each.name == f"{OURS}, {worker}":
                results.soak[each.name] = scale.soak(each, CHAT, 200, args.soak, port, folder)


MEASURES = {
    "loads": of_loads,
    "memory": of_memory,
    "page": of_page,
    "scale": of_scale,
    "soak": of_soak,
}


def _both(there: Sequence[Contender], worker: str) -> list[Contender]:
    """Ours and by hand, where both take part."""
    both = [each for each in there if each.name in (f"{OURS}, {worker}", f"{BY_HAND}, {worker}")]
    return both if len(both) == 2 else []


if __name__ == "__main__":
    sys.exit(main())
