"""What a run has found, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from .contenders import BEFORE, GEVENT, GTHREAD, OURS
from .page import FIRST, ROUND_TRIP, SECOND, Waits
from .reader import quantile
from .results import Results, middle, ratio
from .rounds import Rounds
from .targets import verdicts

Cell = Callable[[Iterable[dict[str, float] | None]], str]

LOADS = {
    "1": "One stream, 30 tokens a second",
    "40": "40 streams, 30 tokens a second each",
    "200": "200 streams, 30 tokens a second each",
    "at once": "40 streams, all tokens at once",
    "opening": "Opening streams: one token each, four at a time",
}


def report(results: Results) -> str:
    parts = [_about(results)]
    for load, wires in results.loads.items():
        parts.append(f"### {LOADS.get(load, load + ' streams, 30 tokens a second each')}")
        head, figures = _OPENING if load == "opening" else _STREAMING
        rows = [
            [
                wire,
                name,
                *(cell(each) for cell in figures),
                str(_ratio(results, rounds, name, load)),
            ]
            for wire, rounds in wires.items()
            for name, each in rounds.items()
        ]
        parts.append(table(["", "", *head, "price, times by hand's"], rows))
    if results.memory:
        parts += ["### An open stream, KiB", _memory(results)]
    if results.many:
        parts += [
            "### 1,000 streams in one gevent worker, 20 tokens a second each",
            _sizes(results.many),
        ]
    if results.burst:
        parts += [
            "### 400 streams opened at once, 60 tokens each at 6 a second",
            _sizes(results.burst),
        ]
    if results.soak:
        parts += [f"### 200 streams for {results.soak_minutes:g} minutes", _soak(results)]
    if results.first_words:
        parts += [
            "### From the provider's first word to its paint, ms",
            _waits(results.first_words),
        ]
    if results.chats:
        parts += [f"### From the click to the first word, {ROUND_TRIP} ms from the provider, ms"]
        parts += [_waits({name: results.chats[name] for name in (FIRST, SECOND)})]
    if before := _before(results):
        parts += ["### Ours to ours before, times", table(["", "", "", "price"], before)]
    parts += ["### What it has to reach", _targets(results)]
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The columns that have a head hold numbers, but for the first."""
    sides = ["---:" if name and number else "---" for number, name in enumerate(head)]
    lines = [head, sides, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _about(results: Results) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    before, after = results.load
    lines = [
        f"On {results.machine}; load {before:.1f} before, {after:.1f} behind. {versions}.",
        f"{results.rounds} round(s) of {results.seconds:g} s for 40 streams, fewer for the others.",
    ]
    if results.quick:
        lines.insert(0, "**From a quick run, on a busy machine: no figures to go by.**\n")
    lines += [f"{name} did not take part: {why}." for name, why in results.absent.items()]
    return "\n".join(lines)


def _number(figure: str, form: str) -> Cell:
    def cell(rounds: Iterable[dict[str, float] | None]) -> str:
        value = middle(rounds, figure)
        return "could not" if math.isnan(value) else format(value, form)

    return cell


_STREAMING = (
    ["µs a token", "delay p50, ms", "p99, ms", "first word, ms", "bytes a token"],
    [
        *(_number("token", ",.0f"), _number("p50", ",.1f"), _number("p99", ",.1f")),
        *(_number("first", "+,.1f"), _number("bytes", ".0f")),
    ],
)
# Of what the price is.
_PRICE = {"opening": "stream"}
_OPENING = (
    ["ms a stream", "first word, ms"],
    [_number("stream", ".2f"), _number("first", "+,.1f")],
)


def _ratio(results: Results, rounds: Rounds, name: str, load: str) -> object:
    compared = rounds.get(results.compared[name])
    if compared is None:
        return "-"
    return ratio(rounds[name], compared, _PRICE.get(load, "token"))


def _before(results: Results) -> list[list[str]]:
    """What `--against` is for."""
    return [
        [load, wire, worker, str(ratio(rounds[ours], rounds[before], _PRICE.get(load, "token")))]
        for load, wires in results.loads.items()
        for wire, rounds in wires.items()
        for worker in (GTHREAD, GEVENT)
        if (ours := f"{OURS}, {worker}") in rounds and (before := f"{BEFORE}, {worker}") in rounds
    ]


def _memory(results: Results) -> str:
    rows = [
        [wire, name, f"{kib:.0f}"]
        for wire, of in results.memory.items()
        for name, kib in of.items()
    ]
    return table(["", "", "KiB"], rows)


def _sizes(wires: dict[str, Rounds]) -> str:
    figures = ["token", "p50", "p99", "slowest", "dropped"]
    head = ["", "", "µs a token", "delay p50, ms", "p99, ms", "slowest first word, ms", "dropped"]
    rows = [
        [wire, name, *(_number(figure, ",.0f")(each) for figure in figures)]
        for wire, rounds in wires.items()
        for name, each in rounds.items()
    ]
    return table(head, rows)


def _soak(results: Results) -> str:
    rows = [
        [name, f"{when} third", *(f"{size:,.0f}" for size in sizes[when].values())]
        for name, sizes in results.soak.items()
        for when in ("first", "last")
    ]
    return table(["", "", "KiB", "threads", "descriptors"], rows)


def _waits(waits: Waits) -> str:
    rows = [
        [case, name, f"{quantile(sorted(ms), 0.5):.1f}", f"{quantile(sorted(ms), 0.95):.1f}"]
        for case, of in waits.items()
        for name, ms in of.items()
    ]
    return table(["", "", "p50", "p95"], rows)


def _targets(results: Results) -> str:
    found = verdicts(results)
    missed = [verdict for verdict in found if not verdict.met]
    parts = [f"{len(found) - len(missed)} of {len(found)} are met."]
    for name, some in (("Missed", missed), ("Met", [each for each in found if each.met])):
        if some:
            parts.append(table([name, "found"], [[each.target, each.found] for each in some]))
    return "\n\n".join(parts)
