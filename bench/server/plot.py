"""The main load as a picture: a token's price, and how late it is."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .results import Results, middle
from .targets import MAIN

COLOURS = {"ours": "#1f6fb4", "by hand": "#8a8a8a", "floor": "#c9c9c9"}
OTHERS = "#d2934a"


def draw(results: Results, file: Path) -> None:
    wires = results.loads[MAIN]
    # The same run gives the same file; and letters stay letters.
    mpl.rcParams.update({"svg.hashsalt": "flask-stream", "svg.fonttype": "none"})
    figure = Figure(figsize=(11, 2.6 * len(wires)), layout="constrained")
    panels = figure.subplots(len(wires), 2, squeeze=False)
    for (wire, rounds), (price, delay) in zip(wires.items(), panels, strict=True):
        names = list(rounds)[::-1]
        _bars(price, names, [_figures(rounds[name], "token") for name in names])
        _bars(delay, names, [_figures(rounds[name], "p99") for name in names])
        # Of other orders of magnitude for those that are slow.
        delay.set_xscale("log")
        delay.set_xlim(left=0.1)
        delay.set_yticks([])
        price.set_title(f"{wire}: µs of the server's processor a token", loc="left", fontsize=9)
        delay.set_title("p99 of the delay, ms (logarithmic)", loc="left", fontsize=9)
    title = (
        f"40 streams, 30 tokens a second each; middle, least and most of {results.rounds} round(s)"
    )
    figure.suptitle(title + (" (a quick run: no figures to go by)" if results.quick else ""))
    figure.savefig(file, metadata={"Date": None})


def _figures(rounds: list[dict[str, float] | None], name: str) -> tuple[float, float, float]:
    found = [each[name] for each in rounds if each]
    return (middle(rounds, name), min(found), max(found)) if found else (math.nan,) * 3


def _bars(axes: Axes, names: list[str], figures: list[tuple[float, float, float]]) -> None:
    middles = [each for each, _, _ in figures]
    spread = [
        [each - least for each, least, _ in figures],
        [most - each for each, _, most in figures],
    ]
    colours = [COLOURS.get(name.partition(",")[0], OTHERS) for name in names]
    bars = axes.barh(names, middles, xerr=spread, color=colours, error_kw={"lw": 0.8})
    axes.bar_label(bars, [f" {each:,.1f}" for each in middles], fontsize=7, padding=3)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
