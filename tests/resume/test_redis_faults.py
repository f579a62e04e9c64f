"""What may happen to the Redis that runs are kept in, while workers write and read it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from flask_stream.logs import redis_server
from tests.logs.redis_servers import Server as Redis
from tests.logs.redis_servers import redis_binary, running
from tests.resume.address import Address
from tests.resume.conftest import DEADLINE, ResumableSite, eventually, said
from tests.resume.following import (
    Following,
    asking,
    begun,
    elsewhere,
    goes_on,
    has_nothing_wrong,
    is_whole,
)
from tests.resume.serving import Reader, Server, all_at_once, serving
from tests.resume.words import words_of

# So many in each run of the tests; FLASK_STREAM_RUNS=1000 takes some seconds more.
RUNS = int(os.environ.get("FLASK_STREAM_RUNS", "40"))
AT_ONCE = 20
SAFE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running(redis_binary(), tmp_path_factory.mktemp("redis"), *SAFE) as redis:
        yield redis


@pytest.fixture
def server(tmp_path: Path, redis: Redis) -> Iterator[Server]:
    with serving(tmp_path / "site", redis.url, workers=2, STREAM_LEASE_SECONDS=2) as server:
        yield server


# -- it is away -----------------------------------------------------------------------------


def test_a_redis_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_server, "_PATIENCE", 0.2)
    site = ResumableSite("redis://127.0.0.1:1/0")
    site.stream.owner(lambda: "ann")
    site.view(lambda: iter(["Some ", "words."]))
    for answer in (site.reader().post("/"), site.reader().get(f"/_stream/{'0' * 32}")):
        assert (answer.status_code, answer.get_json()["code"]) == (503, "internal")
    assert site.asked == 0
    assert "The log in Redis at 127.0.0.1:1, database 0 cannot be used: " in caplog.text


@pytest.mark.slow
def test_a_redis_that_starts_behind_the_app_is_waited_for(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    late = Redis(redis_binary(), tmp_path_factory.mktemp("redis"))
    with serving(tmp_path / "site", late.url, workers=2) as server:
        readers: list[Following] = []
        asked = threading.Thread(target=lambda: readers.append(asking(server, "/say/early/9/5")))
        asked.start()
        late.start()
        try:
            asked.join(DEADLINE)
            assert is_whole(readers[0], "early", 9)
        finally:
            late.end()


@pytest.mark.slow
def test_a_redis_that_is_killed_and_comes_back_ends_no_run(server: Server, redis: Redis) -> None:
    """It is away for longer than the lease."""
    beside, there = begun(server, count=1500)
    redis.kill()
    known = len(beside.events)
    beside.has(known + 500)  # words first
    redis.start()
    assert is_whole(beside, "long", 1500)
    assert is_whole(there, "long", 1500)
    assert [outcome for outcome, _ in server.finished()["long"]] == ["complete"]
    assert is_whole(elsewhere(server, beside), "long", 1500)


@pytest.mark.slow
def test_a_memory_that_is_full_ends_the_run_and_there_may_be_room_again(
    server: Server, redis: Redis
) -> None:
    beside, there = begun(server)
    redis.client.config_set("maxmemory", 1)
    assert (beside.end().kind, beside.end().data["code"]) == ("failed", "internal")
    refused = server.request("POST", "/say/refused/5/5")
    assert (refused.status, b"cannot keep" in refused.read()) == (503, True)
    [[outcome, text]] = eventually(lambda: server.finished().get("long"))
    assert (outcome, text) == ("failed", said(beside.events))
    there.end()  # it cannot be ended for all now, so who follows is to ask again
    assert has_nothing_wrong(there, "long")
    redis.client.config_set("maxmemory", 0)
    again = elsewhere(server, beside, there.events[-1].number)
    assert (again.end().kind, again.end().data["code"]) == ("failed", "interrupted")
    assert "its memory is full" in server.log
    assert [prompt for prompt, _ in server.asked()] == ["long"]
    goes_on(server)


# -- a replica takes over -------------------------------------------------------------------


@pytest.fixture
def replica(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running(redis_binary(), tmp_path_factory.mktemp("replica")) as replica:
        replica.client.replicaof("127.0.0.1", redis.port)
        eventually(lambda: replica.client.info("replication")["master_link_status"] == "up")
        yield replica


@pytest.fixture
def address(redis: Redis) -> Iterator[Address]:
    with Address(redis.port) as address:
        yield address


@pytest.fixture
def moving(tmp_path: Path, address: Address) -> Iterator[Server]:
    url = f"redis://127.0.0.1:{address.port}"
    with serving(tmp_path / "site", url, workers=2, STREAM_LEASE_SECONDS=2) as server:
        yield server


@pytest.mark.slow
def test_a_replica_that_has_all_takes_over(
    moving: Server, address: Address, redis: Redis, replica: Redis
) -> None:
    beside, there = begun(moving, count=600)
    address.lead_to(None)
    eventually(lambda: offset(replica) == offset(redis))
    replica.client.replicaof("NO", "ONE")
    address.lead_to(replica.port)
    assert is_whole(beside, "long", 600)
    assert is_whole(there, "long", 600)
    assert [outcome for outcome, _ in moving.finished()["long"]] == ["complete"]
    goes_on(moving)


def offset(redis: Redis) -> int:
    return int(redis.client.info("replication")["master_repl_offset"])


@pytest.mark.slow
def test_a_replica_that_lacks_words_ends_those_runs_alone(
    moving: Server, address: Address, redis: Redis, replica: Redis
) -> None:
    """It is asynchronous: what was acknowledged may not have reached it."""
    beside, there = begun(moving)
    eventually(lambda: int(replica.client.hget(f"flask-stream:{{{beside.run}}}", "last") or 0))
    replica.client.replicaof("NO", "ONE")
    there.has(len(there.events) + 50)  # of which it knows nothing
    address.lead_to(replica.port)
    whole = asking(moving, "/say/whole/300/5")
    assert (beside.end().kind, beside.end().data["code"]) == ("failed", "internal")
    assert (there.end().kind, there.end().data["code"]) == ("failed", "interrupted")
    [[outcome, text]] = eventually(lambda: moving.finished().get("long"))
    assert (outcome, text) == ("failed", said(beside.events))
    assert has_nothing_wrong(beside, "long")
    assert has_nothing_wrong(there, "long")
    replay = elsewhere(moving, beside)
    assert replay.end() == there.end()
    assert has_nothing_wrong(replay, "long")
    assert is_whole(elsewhere(moving, whole), "whole", 300)
    assert is_whole(whole, "whole", 300)


# -- many machines share it -----------------------------------------------------------------


@pytest.fixture
def masters(tmp_path: Path, redis: Redis) -> Iterator[list[Server]]:
    """Two of gunicorn, with two workers each, as on two machines."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(serving(tmp_path / name, redis.url, workers=2, worker=worker))
            for name, worker in (("one", "gthread"), ("other", "gevent"))
        ]


@pytest.mark.slow
def test_readers_that_are_cut_off_go_on_at_another_machine(masters: list[Server]) -> None:
    readers = {f"p{n}": Reader(masters, f"/say/p{n}/12/5", n) for n in range(RUNS)}
    all_at_once([partial(reader.read, 4) for reader in readers.values()], AT_ONCE)
    for prompt, reader in readers.items():
        assert said(reader.events) == "".join(words_of(prompt, 12))
        assert reader.events[-1].kind == "done"
    asked = [prompt for server in masters for prompt, _ in server.asked()]
    assert sorted(asked) == sorted(readers)
    workers = set().union(*(reader.workers for reader in readers.values()))
    assert all(workers & {*map(str, server.workers)} for server in masters)


@pytest.mark.slow
def test_a_post_that_is_sent_twice_to_two_machines_is_one_run(masters: list[Server]) -> None:
    def ask(prompt: str, server: Server, delay: float) -> None:
        threading.Event().wait(delay)  # what is tested is any distance between the two
        reader = Reader(server, f"/say/{prompt}/4/5", 0)
        reader.read(0)
        texts.append((prompt, said(reader.events), reader.events[0].run))

    texts: list[tuple[str, str, str]] = []
    calls = []
    for number in range(RUNS):
        delay = (number % 10) * 0.004
        calls += [partial(ask, f"p{number}", masters[0], 0)]
        calls += [partial(ask, f"p{number}", masters[1], delay)]
    all_at_once(calls, AT_ONCE)
    assert len(texts) == 2 * RUNS
    assert len(set(texts)) == RUNS
    assert all(text == "".join(words_of(prompt, 4)) for prompt, text, _ in texts)
    assert sum(len(server.asked()) for server in masters) == RUNS
