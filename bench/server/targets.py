"""What ours has to reach, and whether it did, of all that has been measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from .contenders import BY_HAND, GEVENT, GTHREAD, OF_PROVIDERS, OURS, PLAIN
from .page import BEHIND_NGINX, ROUND_TRIP, SECOND, WIRES
from .reader import quantile
from .results import Results, difference, middle, ratio
from .wires import ANTHROPIC, CHAT, RESPONSES

MAIN = "40"  # the load for which the targets of a token's price are set
PRICE = {  # times by hand's, by wire and worker
    (CHAT, GTHREAD): 0.50,
    (CHAT, GEVENT): 0.55,
    (RESPONSES, GTHREAD): 0.50,
    (ANTHROPIC, GTHREAD): 0.72,
    (ANTHROPIC, GEVENT): 0.75,
    (PLAIN, GTHREAD): 1.5,
}
BELOW = ("FastAPI", "AI SDK")
P50, P99, FIRST, MEMORY = 0.3, 5.0, 2.0, 4.0  # more than by hand: ms, ms, ms, KiB
OPENING, OPENING_PLAIN = 1.05, 1.2
MANY_P99 = 100.0  # ms
PAINT = "first word to its paint behind nginx"
GROWTH = 1.05  # times, from the first third to the last


Turns = list[dict[str, float] | None]


@dataclass(frozen=True)
class Verdict:
    target: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{'met ' if self.met else 'MISSED'}  {self.target}: {self.found}"


def verdicts(results: Results) -> list[Verdict]:
    """Of the targets for which there are figures."""
    every = (_price, _below_peers, _delays, _memory, _opening, _many, _burst, _soak, _page, _chats)
    return [verdict for each in every for verdict in each(results)]


def _pairs(results: Results, load: str) -> Iterator[tuple[str, str, Turns, Turns]]:
    """By wire and worker: ours, and by hand's."""
    for wire, rounds in results.loads.get(load, {}).items():
        for worker in (GTHREAD, GEVENT):
            ours, theirs = rounds.get(f"{OURS}, {worker}"), rounds.get(f"{BY_HAND}, {worker}")
            if ours and theirs:
                yield wire, worker, ours, theirs


def _price(results: Results) -> Iterator[Verdict]:
    for wire, worker, ours, theirs in _pairs(results, MAIN):
        if most := PRICE.get((wire, worker)):
            found = ratio(ours, theirs, "token")
            target = f"a token's price, {wire}, {worker}, at most {most:.2f} x by hand's"
            yield Verdict(target, str(found), found.middle <= most)


def _below_peers(results: Results) -> Iterator[Verdict]:
    for load in results.loads:
        if load == "opening":
            continue
        for wire, rounds in results.loads[load].items():
            for peer in BELOW:
                for worker in (GTHREAD, GEVENT):
                    ours, theirs = rounds.get(f"{OURS}, {worker}"), rounds.get(peer)
                    if wire in OF_PROVIDERS and ours and theirs:
                        found = ratio(ours, theirs, "token")
                        target = f"a token's price, {wire}, {worker}, {load}: below {peer}'s"
                        yield Verdict(target, f"{found} x", found.middle < 1)


def _delays(results: Results) -> Iterator[Verdict]:
    most = {"p50": P50, "p99": P99, "first": FIRST}
    names = {"p50": "delay p50", "p99": "delay p99", "first": "the first word"}
    for wire, worker, ours, theirs in _pairs(results, MAIN):
        for figure, more in most.items():
            found = difference(ours, theirs, figure)
            target = f"{names[figure]}, {wire}, {worker}, at most {more:g} ms over by hand's"
            yield Verdict(target, f"{found:+.2f} ms", found <= more)


def _memory(results: Results) -> Iterator[Verdict]:
    for wire, kib in results.memory.items():
        for worker in (GTHREAD, GEVENT):
            ours, theirs = kib.get(f"{OURS}, {worker}"), kib.get(f"{BY_HAND}, {worker}")
            if ours is not None and theirs is not None:
                target = f"an open stream, {wire}, {worker}, at most {MEMORY:g} KiB over by hand's"
                yield Verdict(target, f"{ours - theirs:+.1f} KiB", ours - theirs <= MEMORY)


def _opening(results: Results) -> Iterator[Verdict]:
    for wire, worker, ours, theirs in _pairs(results, "opening"):
        most = OPENING_PLAIN if wire == PLAIN else OPENING
        found = ratio(ours, theirs, "stream")
        target = f"to open a stream, {wire}, {worker}, at most {most} x by hand's"
        yield Verdict(target, str(found), found.middle <= most)


def _many(results: Results) -> Iterator[Verdict]:
    for wire, rounds in results.many.items():
        ours = rounds.get(f"{OURS}, {GEVENT}", [])
        dropped, late = middle(ours, "dropped"), middle(ours, "p99")
        target = f"1,000 gevent streams, {wire}: none dropped, p99 under {MANY_P99:g} ms"
        found = f"{dropped:.0f} dropped, {late:,.0f} ms"
        yield Verdict(target, found, dropped == 0 and late < MANY_P99)


def _burst(results: Results) -> Iterator[Verdict]:
    for wire, rounds in results.burst.items():
        ours, theirs = rounds[f"{OURS}, {GTHREAD}"], rounds[f"{BY_HAND}, {GTHREAD}"]
        for figure, name in {"token": "a token's price", "slowest": "slowest first word"}.items():
            found = ratio(ours, theirs, figure)
            target = f"400 gthread streams at once, {wire}, {name}, at most by hand's"
            yield Verdict(target, f"{found} x", found.middle <= 1)


def _soak(results: Results) -> Iterator[Verdict]:
    for name, sizes in results.soak.items():
        first, last = sizes["first"], sizes["last"]
        grown = [figure for figure in first if last[figure] > GROWTH * first[figure]]
        target = f"{name}: no growth in {results.soak_minutes:g} minutes of 200 streams"
        found = ", ".join(
            f"{figure} {first[figure]:,.0f} to {last[figure]:,.0f}" for figure in first
        )
        yield Verdict(target, found, not grown)


def _page(results: Results) -> Iterator[Verdict]:
    for wire in WIRES:
        waits = results.first_words.get(f"{wire}, {BEHIND_NGINX}", {})
        ours, theirs = (sorted(waits.get(f"{who}, {GTHREAD}", [])) for who in (OURS, BY_HAND))
        for share in (0.5, 0.95):
            ms = quantile(ours, share), quantile(theirs, share)
            if not math.isnan(ms[0]):
                target = f"{PAINT}, {wire}, p{share * 100:g}, at most by hand's"
                yield Verdict(target, f"{ms[0]:.1f} against {ms[1]:.1f} ms", ms[0] <= ms[1])


def _chats(results: Results) -> Iterator[Verdict]:
    if second := results.chats.get(SECOND):
        ours, theirs = (median(second[f"{who}, {GTHREAD}"]) for who in (OURS, BY_HAND))
        target = "second chat, provider behind TLS, at least two round trips less than by hand"
        found = f"{ours:.0f} against {theirs:.0f} ms, {ROUND_TRIP} ms a round trip"
        yield Verdict(target, found, theirs - ours >= 2 * ROUND_TRIP)
