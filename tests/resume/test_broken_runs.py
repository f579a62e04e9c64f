"""What a log keeps of a run is not what was written: it is told, and never a wrong text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_stream.detached.following import Lost
from flask_stream.detached.keeper import Keeper
from flask_stream.detached.stored import from_bytes, to_bytes
from flask_stream.events import Done, Start, Text
from flask_stream.logs.log import Row, Write
from flask_stream.logs.memory import MemoryLog
from flask_stream.testing.log_case import LEASE, begun
from tests.resume.conftest import ResumableSite, events_of, eventually, said

WORDS = ["Three ", "short ", "words."]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data.replace(b"short", b"shore"),
        lambda data: data[:-1],
        lambda data: data + b" ",
        lambda data: b"",
        lambda data: b"garbage",
        lambda data: b"\xff" * len(data),
        lambda data: b"\0" * len(data),
    ],
)
def test_a_row_that_was_changed_is_none(harm: Callable[[bytes], bytes]) -> None:
    batch = [Text("short "), Done("stop", 5)]
    data = to_bytes(batch, 7)
    assert from_bytes(data, 7) == batch
    with pytest.raises(ValueError, match=r"not what was written"):
        from_bytes(harm(data), 7)
    with pytest.raises(ValueError, match=r"not what was written"):
        from_bytes(data, 8)


def rows_at_rest(site: ResumableSite, run: str) -> list[Row]:
    """Its producer may hold a moment longer what it has told, and gives that to all who come."""
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    eventually(lambda: not keeper._reader._feeds)
    return keeper.log._runs[run].rows  # type: ignore[no-any-return]


def changed(rows: list[Row]) -> None:
    at = place(rows)
    rows[at] = replace(rows[at], data=rows[at].data.replace(b"short", b"shore"))


def missing(rows: list[Row]) -> None:
    del rows[place(rows)]


def place(rows: list[Row]) -> int:
    return next(at for at, row in enumerate(rows) if b"short" in row.data)


@pytest.mark.parametrize("harm", [changed, missing])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_who_reads_a_run_that_is_broken_is_told(
    harm: Callable[[list[Row]], None], after: int
) -> None:
    site = ResumableSite("memory:")
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    run = events_of(reader.post("/"))[0].run
    harm(rows_at_rest(site, run))
    answer = reader.get(f"/_stream/{run}?after={after}")
    body = answer.get_data(as_text=True)
    assert "words" not in body
    assert "shore" not in body
    assert body.count('event: failed\ndata: {"code":"internal"') == 1
    assert body.count("event: start") == (after == 0)
    whole = reader.get(f"/_stream/{run}", headers={"Accept": "application/json"})
    assert whole.status_code == 500
    assert whole.get_json()["outcome"] == "failed"


def test_others_that_are_followed_go_on() -> None:
    """As they come, in a process that follows both."""
    log = MemoryLog()
    keeper = Keeper(log, lease=LEASE, ttl=5, most=2)
    claims = [begun(log, "broken"), begun(log, "whole")]
    broken, whole = (keeper.follow(claim.id, 0).batches() for claim in claims)
    assert next(broken) == next(whole) == []
    log.write([Write(claims[0], [Row(2, 2, to_bytes([Start("broken")], 2))])])
    assert [event.kind for event in next(broken)] == ["start"]
    log.write([Write(claims[0], [Row(3, 1, b"garbage")])])
    with pytest.raises(Lost):
        next(broken)
    end = [Start("whole"), Done("stop", 0)]
    log.write([Write(claims[1], [Row(2, 2, to_bytes(end, 2))], ends=True)])
    assert [event for batch in whole for event in batch] == end


def test_a_start_that_is_broken_is_told_with_one() -> None:
    site = ResumableSite("memory:")
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    events = events_of(reader.post("/"))
    rows = rows_at_rest(site, events[0].run)
    rows[0] = replace(rows[0], data=to_bytes([Start("another")], 7))
    body = reader.get(events[0].data["url"]).get_data(as_text=True)
    assert [line for line in body.split("\n") if line.startswith("event")] == [
        "event: start",
        "event: failed",
    ]
    assert said(events) == "".join(WORDS)
