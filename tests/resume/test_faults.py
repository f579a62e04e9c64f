"""What may happen to the file that runs are kept in, while workers write and read it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.logs.processes import stopped_outside_a_write
from tests.resume.conftest import ResumableSite, eventually, said
from tests.resume.following import (
    asking,
    begun,
    elsewhere,
    goes_on,
    has_nothing_wrong,
    is_whole,
)
from tests.resume.serving import Server, serving

LOCKED = float(os.environ.get("FLASK_STREAM_LOCKED", "4"))  # seconds: longer than the lease


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


@pytest.fixture
def server(tmp_path: Path, path: Path) -> Iterator[Server]:
    url = f"sqlite:///{path}"
    with serving(tmp_path / "site", url, workers=2, STREAM_LEASE_SECONDS=2) as server:
        yield server


# -- it cannot be written -------------------------------------------------------------------


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_run_and_there_may_be_room_again(
    server: Server, path: Path
) -> None:
    beside, there = begun(server)
    wal = path.with_name(f"{path.name}-wal")
    for worker in server.workers:  # stands for the disk's: no file may grow beyond it
        limit = wal.stat().st_size + 20_000
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    assert (beside.end().kind, beside.end().data["code"]) == ("failed", "internal")
    refused = server.request("POST", "/say/refused/5/5")
    assert (refused.status, b"cannot keep" in refused.read()) == (503, True)
    assert [prompt for prompt, _ in server.asked()] == ["long"]
    [[outcome, text]] = eventually(lambda: server.finished().get("long"))
    assert outcome == "failed"
    assert text == said(beside.events)
    for worker in server.workers:
        infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, infinite)
    if there.end().kind != "failed":  # it was cut, and asks again
        there = elsewhere(server, beside, there.end().number)
    assert there.end().data["code"] == "interrupted"
    assert has_nothing_wrong(beside, "long")
    assert "runs.sqlite3 cannot be used: " in server.log
    goes_on(server)


@pytest.mark.parametrize("folder", ["/sys/flask-stream", "/sys/kernel"])
def test_a_folder_that_cannot_be_written_is_told(
    folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Root cannot either."""
    site = ResumableSite(f"sqlite:///{folder}/runs.sqlite3")
    site.view(lambda: iter(["Some ", "words."]))
    site.stream.owner(lambda: "ann")
    for answer in (site.reader().post("/"), site.reader().get(f"/_stream/{'0' * 32}")):
        assert answer.status_code == 503
        assert answer.get_json() == {
            "code": "internal",
            "message": "The server cannot keep this answer right now. Please try again in a "
            "moment.",
            "retryable": True,
        }
    assert site.asked == 0
    assert f"The log {folder}/runs.sqlite3 cannot be used: " in caplog.text


@pytest.mark.slow
def test_a_file_that_somebody_keeps_locked_past_the_lease_ends_no_run(
    server: Server, path: Path
) -> None:
    beside, there = begun(server, count=int(LOCKED * 200) + 400)
    with locked(path) as until:
        seen = len(beside.events)
        before = len(there.events)
        beside.has(seen + 100)  # words first
        asked_meanwhile = asking_later(server)
        eventually(lambda: time.monotonic() >= until)
        assert len(there.events) <= before + 10
    count = int(LOCKED * 200) + 400
    assert is_whole(beside, "long", count)
    assert is_whole(there, "long", count)
    assert server.finished()["long"][0][0] == "complete"
    assert is_whole(asked_meanwhile(), "meanwhile", 5)


def asking_later(server: Server):  # type: ignore[no-untyped-def]
    """A run that is asked for while there is no room for it; gives its reader."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    future = pool.submit(asking, server, "/say/meanwhile/5/5")
    pool.shutdown(wait=False)
    return future.result


@contextmanager
def locked(path: Path) -> Iterator[float]:
    """By another process. Gives when that is to end."""
    script = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        yield time.monotonic() + LOCKED
        process.communicate("\n")


# -- it is another one, or none -------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["runs.sqlite3", "runs.sqlite3*"])
def test_a_file_that_is_deleted_ends_its_runs(server: Server, path: Path, pattern: str) -> None:
    beside, there = begun(server)
    for file in path.parent.glob(pattern):
        file.unlink(missing_ok=True)
    for reader in (beside, there):
        end = reader.end()
        assert end.kind in ("text", "failed")  # it is cut, and asks anew
        assert has_nothing_wrong(reader, "long")
    answer = server.request("GET", f"/_stream/{beside.run}?after=5")
    assert (answer.status, b'"gone"' in answer.read()) == (404, True)
    [[outcome, _]] = eventually(lambda: server.finished().get("long"))
    assert outcome == "failed"
    goes_on(server)


def garbage_in_the_middle(path: Path) -> None:
    """Of all that is kept: the pages behind the first one, and those that are still to be moved."""
    for file, first in ((path, 4096), (path.with_name(f"{path.name}-wal"), 4096)):
        size = file.stat().st_size
        with file.open("r+b") as harmed:
            harmed.seek(first)
            harmed.write((b"garbage " * (1 + size // 8))[: max(0, size - first)])


def truncated_header(path: Path) -> None:
    os.truncate(path, 50)
    for file in path.parent.glob(f"{path.name}-wal"):
        os.truncate(file, 16)


HARMS = [garbage_in_the_middle, truncated_header]


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_harmed_underneath_gives_no_wrong_word(
    server: Server, path: Path, harm: Callable[[Path], None]
) -> None:
    beside, there = begun(server, count=400)
    harm(path)
    ends = [beside.end(), there.end()]
    for reader, end in zip((beside, there), ends, strict=True):
        assert end.kind in ("text", "failed") or is_whole(reader, "long", 400)
        assert has_nothing_wrong(reader, "long")
    [[outcome, text]] = eventually(lambda: server.finished().get("long"))
    assert outcome == "failed" or text == said(beside.events)
    # Whoever comes is answered: with the run as it was, or an error.
    for _ in range(4):
        answer = server.request("GET", f"/_stream/{beside.run}")
        body = answer.read()
        assert answer.status in (200, 404, 503), body
        assert b"garbage" not in body
    assert "runs.sqlite3 cannot be used: " in server.log
    # And once what cannot be used is away, all is well.
    for file in path.parent.glob("runs.sqlite3*"):
        file.unlink(missing_ok=True)  # SQLite may have been faster
    goes_on(server)


@pytest.mark.parametrize("content", [b"garbage " * 1000, b"SQLite format 3\0" + b"\0" * 20])
def test_a_file_that_is_no_database_is_told(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    site = ResumableSite(f"sqlite:///{path}")
    site.view(lambda: iter(["Some ", "words."]))
    assert site.reader().post("/").status_code == 503
    assert site.asked == 0
    assert "runs.sqlite3 cannot be used: " in caplog.text


# -- its producer is dead, or seems to be ---------------------------------------------------


@pytest.mark.slow
def test_a_producer_that_was_stopped_past_its_lease_writes_no_more(
    server: Server, path: Path
) -> None:
    beside, there = begun(server)
    stopped_outside_a_write(beside.worker, path)
    try:
        end = there.end()
        assert (end.kind, end.data["code"]) == ("failed", "interrupted")
    finally:
        os.kill(beside.worker, signal.SIGCONT)
    assert beside.end() == end
    [[outcome, text]] = eventually(lambda: server.finished().get("long"))
    assert outcome == "failed"
    assert text.startswith(said(there.events))
    replay = elsewhere(server, beside)
    assert replay.end() == end
    assert said(replay.events) == said(there.events)
    assert has_nothing_wrong(beside, "long")
