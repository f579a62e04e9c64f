"""What runs and their readers take is given back, however they end: nothing is left in a worker."""

from __future__ import annotations

import http.client
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.logs.redis_servers import Server as Redis
from tests.logs.redis_servers import redis_binary, running
from tests.resume.conftest import DEADLINE, eventually
from tests.resume.serving import Server, all_at_once, serving

pytestmark = pytest.mark.slow

TURNS = 4


@pytest.fixture(params=["sqlite", "redis"])
def log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Callable[[], int]]]:
    """Its URL, and how much is in it."""
    folder = tmp_path_factory.mktemp("log")
    if request.param == "redis":
        with running(redis_binary(), folder) as redis:
            yield redis.url, lambda: keys_in(redis)
    else:
        path = folder / "runs.sqlite3"
        yield f"sqlite:///{path}", lambda: rows_in(path)


def keys_in(redis: Redis) -> int:
    """But for what ends by itself, within 10 s: that a process was woken."""
    return sum(b":wake:" not in key for key in redis.client.scan_iter())


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        tables = ("runs", "rows", "readers")
        return sum(db.execute(f"SELECT COUNT(*) FROM {each}").fetchone()[0] for each in tables)


class Asking:
    """Asks for runs, and treats them in each way that there is."""

    def __init__(self, server: Server, turn: int) -> None:
        self._server = server
        self._turn = turn

    def _ask(self, path: str, method: str = "POST", **headers: str) -> http.client.HTTPResponse:
        return self._server.request(method, path, headers)

    def _begun(self, count: int = 400, **headers: str) -> tuple[http.client.HTTPResponse, str]:
        """A run that goes on, and its url."""
        response = self._ask(f"/say/p{self._turn}/{count}/5", **headers)
        response.readline()
        response.readline()
        data = response.readline().decode()
        return response, data.partition('"url":"')[2].partition('"')[0]

    def is_read_to_its_end(self) -> None:
        response, url = self._begun(5)
        assert b"event: done" in response.read()
        assert b"event: done" in self._ask(url, "GET").read()
        assert self._ask(f"{url}?after=7", "GET").status == 204

    def is_asked_for_by_nobody_in_the_end(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=DEADLINE)
        connection.request("POST", f"/say/p{self._turn}/400/5")
        connection.close()

    def is_left(self) -> None:
        self._begun()[0].close()

    def is_left_by_all_who_follow(self) -> None:
        first, url = self._begun()
        for after in (0, 3, 1000):
            follower = self._ask(f"{url}?after={after}", "GET")
            if after < 1000:
                follower.readline()
            follower.close()
        first.close()

    def is_stopped(self) -> None:
        response, url = self._begun()
        assert self._ask(f"{url}/stop").status == 204
        assert b'"stop_reason":"stopped"' in response.read()
        assert self._ask(f"{url}/stop").status == 204

    def is_sent_twice(self) -> None:
        key = f"twice-{self._turn}"
        first, url = self._begun(20, **{"Idempotency-Key": key})
        second, same = self._begun(20, **{"Idempotency-Key": key})
        assert url == same
        assert b"event: done" in first.read()
        assert b"event: done" in second.read()

    def is_refused(self) -> None:
        assert self._ask("/refuse").status == 402
        assert self._ask("/refuse", **{"Idempotency-Key": f"refused-{self._turn}"}).status == 402
        assert self._ask("/say/p/1/1", **{"Idempotency-Key": " "}).status == 400

    def fails(self) -> None:
        assert b"event: failed" in self._ask("/fail/p").read()

    def is_none(self) -> None:
        nowhere = f"/_stream/{'0' * 32}"
        assert self._ask(nowhere, "GET").status == 404
        assert self._ask(f"{nowhere}/stop").status == 404
        assert self._ask("/say/p/1/1", **{"Last-Event-ID": "none"}).status == 404
        assert self._ask("/say/p/1/1", "HEAD").status == 200
        self._ask("/active/none", "GET").read()

    def is_another_ones(self) -> None:
        response, url = self._begun()
        for path in (url, f"{url}/stop"):
            method = "POST" if path.endswith("stop") else "GET"
            assert self._ask(path, method, Reader="somebody else").status == 404
        response.close()

    def is_whole_at_once(self) -> None:
        answer = self._ask("/say/p/5/1", Accept="application/json")
        assert b'"outcome": "complete"' in answer.read()


def every(server: Server, turn: int) -> list[Callable[[], None]]:
    asking = Asking(server, turn)
    return [getattr(asking, name) for name in vars(Asking) if not name.startswith("_")]


@pytest.mark.parametrize("worker", ["gthread", "gevent"])
def test_nothing_is_left(tmp_path: Path, log: tuple[str, Callable[[], int]], worker: str) -> None:
    url, kept = log
    settings: dict[str, Any] = {
        "STREAM_TTL": 4,  # seconds: ten times what passes between two requests for one run
        "STREAM_LEASE_SECONDS": 2,
        "STREAM_LINGER": 0.5,
    }
    with serving(tmp_path / "site", url, worker=worker, workers=1, **settings) as server:
        before = state_of(server)
        calls = [call for turn in range(TURNS) for call in every(server, turn)]
        all_at_once(calls, 12)
        assert not has_no_more(server, before)
        eventually(lambda: has_no_more(server, before))
        assert kept() == 0
        Asking(server, 0).is_none()  # which opens the log once more
        assert not has_no_more(server, before)
        eventually(lambda: has_no_more(server, before))
        assert "Traceback" not in server.log, server.log


def has_no_more(server: Server, before: dict[str, Any]) -> bool:
    """Fewer files it may have: at first, the connection of the request before may still be open."""
    state = state_of(server)
    return bool(state["files"] <= before["files"] and state == {**before, "files": state["files"]})


def state_of(server: Server) -> dict[str, Any]:
    """What its one worker holds, but for gunicorn's own threads."""
    state: dict[str, Any] = server.json("/state")
    threads = [name for name in state["threads"] if name.startswith("flask-stream")]
    return {**state, "threads": threads}
