"""`flask stream …`: what the log of an app has under way, from a shell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from .app_state import this_app
from .detached.keeper import Keeper
from .detached.writing import TURN
from .errors import FlaskStreamError
from .logs.log import State
from .logs.memory import MemoryLog
from .owned import is_run_id
from .told import one_line

_IN_MEMORY = (
    'STREAM_LOG_URL is "memory:", so the runs are in the memory of the process that serves them, '
    "and another process's memory cannot be looked into."
)
# The key is the last one: whatever is in it, it puts no other column out of line.
_HEADER = ("RUN", "AGE", "READERS", "LEASE", "KEY")


def register(app: Flask) -> None:
    """Add the commands to an app, unless it has commands of its own by that name."""
    if _commands.name not in app.cli.commands:
        app.cli.add_command(_commands)


_commands = AppGroup("stream", help="Look after the runs that outlive their request.")


@_commands.command("runs")
def _runs() -> None:
    """List the runs that have not ended, the oldest first."""
    with _keeper() as keeper:
        states = keeper.log.alive()
    if not states:
        click.echo("No run is under way.")
        return
    now = time.time()
    rows = [_HEADER, *(_row(state, now) for state in states)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@_commands.command("stop")
@click.argument("run")
def _stop(run: str) -> None:
    """Ask for the end of RUN. Whoever writes it hears of that within a second."""
    with _keeper() as keeper:
        if not is_run_id(run) or not keeper.stop(run):
            raise click.ClickException(f"There is no run {one_line(run)} that goes on.")
        state = keeper.log.state(run)
    click.echo(f"Run {run} was asked to end.")
    if state is not None and not state.ended and not state.leased:
        click.echo("Its lease has run out, so who writes it may be dead.")


@_commands.command("expire")
def _expire() -> None:
    """Forget the runs that ended more than STREAM_TTL seconds ago."""
    ttl = current_app.config["STREAM_TTL"]
    with _keeper() as keeper:
        count = 0
        while some := keeper.log.expire(ttl):
            count += some
            time.sleep(TURN)
    runs = "1 run" if count == 1 else f"{count} runs"
    click.echo(f"{runs} forgotten, of more than {ttl:g} s ago (STREAM_TTL).")


@contextmanager
def _keeper() -> Iterator[Keeper]:
    """The app's.

    :raises ClickException: its log cannot be looked into; why is told in one line.
    """
    try:
        keeper = this_app().keeper(current_app._get_current_object())  # type: ignore[attr-defined]
        if isinstance(keeper.log, MemoryLog):
            raise click.ClickException(_IN_MEMORY)
        with closing(keeper.log):
            yield keeper
    except FlaskStreamError as error:
        raise click.ClickException(one_line(error)) from error


def _row(state: State, now: float) -> tuple[str, ...]:
    """One run. Its owner is not told: that may be the secret key of a session."""
    return (
        state.id,
        _span(now - state.created),
        str(state.readers),
        _span(state.lease) if state.leased else "run out",
        "-" if state.key is None else one_line(state.key),
    )


def _span(seconds: float) -> str:
    """Hours, minutes and seconds; none where another machine's clock is ahead."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
