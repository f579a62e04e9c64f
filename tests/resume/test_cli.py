"""`flask stream …`: what is under way, from a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from flask_stream import FlaskStream
from flask_stream.logs.log import Log, Write
from flask_stream.logs.memory import MemoryLog
from flask_stream.logs.sqlite import SqliteLog
from flask_stream.testing.log_case import begun, rows
from tests.conftest import ROOT
from tests.resume.conftest import DEADLINE, ResumableSite, eventually

RUN = "0123456789abcdef" * 2


@pytest.fixture
def site(tmp_path: Path) -> ResumableSite:
    return ResumableSite(f"sqlite:///{tmp_path / 'runs.sqlite3'}", STREAM_TTL=60)


def log_of(site: ResumableSite) -> Log:
    log: Log = site.app.extensions["flask_stream"].keeper(site.app).log
    return log


def call(site: ResumableSite, *arguments: str) -> Result:
    return site.app.test_cli_runner().invoke(args=["stream", *arguments])


def told(result: Result) -> tuple[int, str, str]:
    return result.exit_code, result.stdout, result.stderr


# -- runs -----------------------------------------------------------------------------------


def test_without_runs_it_says_so(site: ResumableSite) -> None:
    assert told(call(site, "runs")) == (0, "No run is under way.\n", "")


def test_each_run_has_a_line_and_all_have_the_same_columns(
    site: ResumableSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(site)
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    log.create(RUN, "ann", 9, key="chat:42")
    monkeypatch.setattr(time, "time", lambda: 1_000_002.0)
    log.create("f" * 32, "session:secret", 10_000)
    log.attend("a process", {"f" * 32: 12}, 5000)
    log.write([Write(begun(log, "e" * 32), rows(1), ends=True)])
    monkeypatch.setattr(time, "time", lambda: 1_003_725.0)
    assert told(call(site, "runs")) == (
        0,
        "RUN                               AGE      READERS  LEASE    KEY\n"
        "0123456789abcdef0123456789abcdef  1:02:05  0        run out  chat:42\n"
        "ffffffffffffffffffffffffffffffff  1:02:03  12       1:44:37  -\n",
        "",
    )


def test_a_clock_that_is_ahead_is_no_age_below_nothing(
    site: ResumableSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_of(site).create(RUN, "ann", 9)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 100)
    assert "  0:00:00  " in call(site, "runs").stdout


def test_a_key_is_one_line_whatever_is_in_it(site: ResumableSite) -> None:
    log_of(site).create(RUN, "ann", 9, key="a\nb\x1b[2J sk-ant-api03-0123456789abcdef0123456789")
    lines = call(site, "runs").stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(r"a\nb\x1b[2J sk-***")


# -- stop -----------------------------------------------------------------------------------


def test_stop_asks_for_the_end(site: ResumableSite) -> None:
    log_of(site).create(RUN, "ann", 9)
    assert told(call(site, "stop", RUN)) == (0, f"Run {RUN} was asked to end.\n", "")
    assert [state.stopping for state in log_of(site).alive()] == [True]


def test_stop_says_that_nobody_may_hear_it(site: ResumableSite) -> None:
    log_of(site).create(RUN, "ann", 1e-9)
    assert told(call(site, "stop", RUN)) == (
        0,
        f"Run {RUN} was asked to end.\nIts lease has run out, so who writes it may be dead.\n",
        "",
    )


@pytest.mark.parametrize("run", [RUN, "0" * 32, "x", "", f"{RUN}.1", "\udcff", "a\nb"])
def test_stop_says_that_there_is_no_such_run(site: ResumableSite, run: str) -> None:
    log = log_of(site)
    log.write([Write(begun(log, RUN), rows(1), ends=True)])
    code, out, error = told(call(site, "stop", run))
    assert (code, out) == (1, "")
    assert re.fullmatch(r"Error: There is no run .* that goes on\.\n", error)


# -- expire ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "says"), [(0, "0 runs"), (1, "1 run"), (3, "3 runs")])
def test_expire_says_how_many_it_forgot(
    site: ResumableSite, monkeypatch: pytest.MonkeyPatch, count: int, says: str
) -> None:
    log, now = log_of(site), time.time()
    monkeypatch.setattr(time, "time", lambda: now - 61)
    for number in range(count):
        log.write([Write(begun(log, f"{number:032}"), rows(1), ends=True)])
    monkeypatch.setattr(time, "time", lambda: now - 59)
    log.write([Write(begun(log, RUN), rows(1), ends=True)])
    monkeypatch.setattr(time, "time", lambda: now)
    assert told(call(site, "expire")) == (
        0,
        f"{says} forgotten, of more than 60 s ago (STREAM_TTL).\n",
        "",
    )
    assert "0 runs" in call(site, "expire").stdout


# -- what cannot be done --------------------------------------------------------------------

COMMANDS = [("runs",), ("stop", RUN), ("expire",)]
commands = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])


def refusal(site: ResumableSite, command: tuple[str, ...]) -> str:
    """What a command says that cannot be carried out: one line."""
    result = call(site, *command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert isinstance(result.exception, SystemExit)
    [line] = result.stderr.splitlines()
    return line


@commands
def test_a_log_that_cannot_be_used_is_told_in_a_line(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "runs.sqlite3").write_text("This is none of SQLite's files.\n" * 1000)
    site = ResumableSite(f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    line = refusal(site, command)
    assert (
        line
        == f"Error: The log {tmp_path / 'runs.sqlite3'} cannot be used: file is not a database."
    )


@commands
def test_another_process_s_memory_cannot_be_looked_into(command: tuple[str, ...]) -> None:
    assert "memory cannot be looked into" in refusal(ResumableSite("memory:"), command)
    site = ResumableSite("memory:")
    site.app.config["STREAM_LOG_URL"] = MemoryLog()
    assert "memory cannot be looked into" in refusal(site, command)


@commands
def test_a_value_that_was_set_since_init_app_is_told(
    site: ResumableSite, command: tuple[str, ...]
) -> None:
    site.app.config["STREAM_LOG_URL"] = "mysql://runs"
    assert refusal(site, command).startswith("Error: STREAM_LOG_URL is 'mysql://runs'")


def test_an_app_s_own_commands_of_that_name_are_kept() -> None:
    app = Flask(__name__)
    app.cli.command("stream")(lambda: print("the app's own"))
    FlaskStream(app)
    assert app.test_cli_runner().invoke(args=["stream"]).stdout == "the app's own\n"


# -- real processes -------------------------------------------------------------------------

APP = """
import sys, time
from flask import Flask
from flask_stream import FlaskStream

app = Flask(__name__)
app.config["STREAM_LOG_URL"] = "sqlite:///runs.sqlite3"
stream = FlaskStream(app)

def words():
    while True:
        yield "word "
        time.sleep(0.02)

@app.cli.command()
def publish():
    print(stream.publish(words(), owner="ann", key="chat:42").outcome)
"""


def test_what_goes_on_in_another_process_is_listed_and_stopped(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    log = SqliteLog(tmp_path / "instance" / "runs.sqlite3")

    def flask(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, text=True)

    def said(process: subprocess.Popen[str]) -> tuple[int, str]:
        out, _ = process.communicate(timeout=DEADLINE)
        return process.returncode, out

    publishing = flask("publish")
    try:
        [state] = eventually(lambda: [state for state in log.alive() if state.last >= 2])
        code, listed = said(flask("stream", "runs"))
        header, line = listed.splitlines()
        assert (code, header.split()) == (0, ["RUN", "AGE", "READERS", "LEASE", "KEY"])
        assert re.fullmatch(rf"{state.id}  0:00:\d\d  0        0:00:\d\d  chat:42", line)
        assert said(flask("stream", "stop", state.id)) == (0, f"Run {state.id} was asked to end.\n")
        assert said(publishing) == (0, "stopped\n")
        assert said(flask("stream", "runs")) == (0, "No run is under way.\n")
    finally:
        publishing.kill()
        publishing.communicate()
        log.close()
