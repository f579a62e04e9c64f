"""The benchmark runs, and says what it is asked; how fast anything is, it alone says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import bridging
from bench.client.answer import END, answer
from bench.client.measure import ROOT, Cost
from bench.client.report import MARKDOWN, TEXT, table, verdicts, was_busy
from tests.servers.client import DEADLINE


def cost(total: float, long_tasks: list[float] | None = None, frames: int = 600) -> Cost:
    return Cost(total=total, script=1, layout=1, frames=frames, long_tasks=long_tasks or [])


def rounds(*totals: float) -> list[Cost]:
    return [cost(total) for total in totals]


def test_the_answer_is_as_long_as_asked_and_the_same_each_time() -> None:
    for length in (100, 5000, 100_000):
        assert len(answer(length)) == length
        assert answer(length) == answer(length)
        assert answer(length).endswith(END)
    for markdown in ("\n## ", "\n```python\n", "\n|---|", "\n1. ", "\n- ", "\n> ", "**", "]("):
        assert markdown in answer(100_000)


def test_targets_that_are_reached_are_told_from_those_that_are_not() -> None:
    fast = {TEXT: rounds(100, 110), MARKDOWN: rounds(140, 160), "other": rounds(100, 105)}
    assert all(verdict.met for verdict in verdicts(fast, {TEXT: [5, 9, 6]}))
    slow = {
        TEXT: [cost(120, [60]), cost(130, [70])],
        MARKDOWN: rounds(190, 200),
        "other": fast["other"],
    }
    found = verdicts(slow, {TEXT: [5, 9, 7]})
    assert [verdict.target for verdict in found if verdict.met] == [
        "no long task in ours: markdown"
    ]
    assert "1.22 x other" in str(found[2])


def test_a_long_task_of_one_round_is_shown_but_is_not_held_against_us() -> None:
    costs = {TEXT: [cost(1), cost(1, [77]), cost(1)]}
    assert [verdict.met for verdict in verdicts(costs, {})] == [True]
    assert "77" in table(costs)


def test_a_machine_that_was_busy_is_told_by_its_frames() -> None:
    assert not was_busy({TEXT: [cost(1, frames=600), cost(1, frames=590)], "other": []})
    assert was_busy({TEXT: [cost(1, frames=600)], MARKDOWN: [cost(1, frames=500)]})


@pytest.mark.browser
def test_every_contender_shows_the_whole_answer(tmp_path: Path) -> None:
    if not (ROOT / "js" / "node_modules" / "dompurify").is_dir():
        pytest.skip("needs js/node_modules; make test gets them")
    figures = tmp_path / "figures.json"
    size = ["--rounds", "1", "--deltas", "200", "--json", str(figures)]
    command = [sys.executable, "-m", "bench.client", *size]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10 * DEADLINE)

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert len(found["costs"]) == 8
    for [measured] in found["costs"].values():
        assert 0 < measured["script"] + measured["layout"] < measured["total"]
    assert {name: len(tenths) for name, tenths in found["courses"].items()} == {
        TEXT: 10,
        MARKDOWN: 10,
    }
    for name in found["costs"]:
        assert name in done.stdout
    assert "ours: text at most 1.1 x the fastest" in done.stdout


@pytest.mark.parametrize("way", bridging.WAYS)
def test_each_way_to_stream_is_measured(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bridging.LOADS, "some", (5, 0.0))
    assert bridging.seconds(way, "some") > 0
