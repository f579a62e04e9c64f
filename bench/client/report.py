"""The figures as a table, and what they say of the targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .measure import Cost

TEXT = "ours: text"
MARKDOWN = "ours: markdown"

TEXT_TO_FASTEST = 1.1
MARKDOWN_TO_TEXT = 1.5
END_TO_START = 1.2

Costs = Mapping[str, Sequence[Cost]]


@dataclass
class Verdict:
    target: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{'met ' if self.met else 'MISSED'}  {self.target}: {self.found}"


def table(costs: Costs) -> str:
    width = max(map(len, costs))
    lines = [
        f"{'':{width}}   total    min  script  layout  frames  long tasks",
        *(f"{name:{width}}  {_row(rounds)}" for name, rounds in costs.items()),
    ]
    return "\n".join(lines)


def _row(rounds: Sequence[Cost]) -> str:
    middles = [
        median(figure(cost) for cost in rounds)
        for figure in (
            lambda cost: cost.script,
            lambda cost: cost.layout,
            lambda cost: cost.frames,
            lambda cost: len(cost.long_tasks),
        )
    ]
    totals = [cost.total for cost in rounds]
    row = "{:6.0f} {:6.0f}  {:6.0f}  {:6.0f}  {:6.0f}  {:10.0f}"
    row = row.format(median(totals), min(totals), *middles)
    longest = _longest(rounds)
    return f"{row}, the longest {longest:.0f}" if longest else row


def _longest(rounds: Iterable[Cost]) -> float:
    return max((task for cost in rounds for task in cost.long_tasks), default=0)


def was_busy(costs: Costs) -> bool:
    """Whether some rounds had fewer frames than others: then they also had less to do."""
    frames = [cost.frames for name in (TEXT, MARKDOWN) for cost in costs.get(name, [])]
    return bool(frames) and min(frames) < 0.95 * max(frames)


def verdicts(costs: Costs, courses: Mapping[str, Sequence[float]]) -> list[Verdict]:
    """Of the targets whose contenders took part."""
    found = []
    for name in (TEXT, MARKDOWN):
        if name in costs:
            # What a busy machine holds up differs from round to round; what is ours does not.
            count = median(len(cost.long_tasks) for cost in costs[name])
            text = f"{count:.0f}, the longest in any round {_longest(costs[name]):.0f} ms"
            found.append(Verdict(f"no long task in {name}", text, count == 0))
    others = [name for name in costs if name not in (TEXT, MARKDOWN)]
    if TEXT in costs and others:
        fastest = min(others, key=lambda name: median(cost.total for cost in costs[name]))
        times = _times(costs[TEXT], costs[fastest])
        target = f"{TEXT} at most {TEXT_TO_FASTEST} x the fastest"
        found.append(Verdict(target, f"{times:.2f} x {fastest}", times <= TEXT_TO_FASTEST))
    if TEXT in costs and MARKDOWN in costs:
        times = _times(costs[MARKDOWN], costs[TEXT])
        target = f"{MARKDOWN} at most {MARKDOWN_TO_TEXT} x text"
        found.append(Verdict(target, f"{times:.2f} x", times <= MARKDOWN_TO_TEXT))
    for name, tenths in courses.items():
        times = tenths[-1] / tenths[0]
        target = f"the last tenth of {name} at most {END_TO_START} x the first"
        found.append(Verdict(target, f"{times:.2f} x", times <= END_TO_START))
    return found


def _times(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    """The middle of the rounds' ratios: a round that was slow was slow for both."""
    return median(a.total / b.total for a, b in zip(ours, theirs, strict=True))
