"""What may happen to the Redis that a log is in, and on the way there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import redis

from flask_stream.logs import redis_server as module
from flask_stream.logs.log import Claim, LogError, Once, Row, Write
from flask_stream.logs.redis import RedisLog
from flask_stream.testing.log_case import LEASE, begun, eventually, known, rows
from tests.logs.cutting import Cutting
from tests.logs.redis_servers import DEADLINE, Server, redis_binary, running

FOR_EVER = 1e9  # of patience: what is not told at once would hang the test


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(redis_binary(), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def log(server: Server) -> Iterator[RedisLog]:
    log = RedisLog(server.url)
    yield log
    log.close()


def patience(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(module, "_PATIENCE", seconds)


# -- it is away -----------------------------------------------------------------------------


def test_a_redis_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, 0.2)
    log = RedisLog("redis://ann:secret@127.0.0.1:1/3")
    for ask in (lambda: log.state("r"), lambda: log.wait({"r": 0}, DEADLINE)):
        with pytest.raises(LogError) as told:
            ask()
        message = str(told.value)
        assert message.startswith("The log in Redis at 127.0.0.1:1, database 3 cannot be used: ")
        assert "refused" in message
        assert "secret" not in message
    log.wake()
    log.close()


@pytest.mark.slow
def test_a_redis_that_is_killed_has_lost_nothing_when_it_is_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """With `appendfsync always`: every write that has returned is there, once, in order."""
    folder = tmp_path_factory.mktemp("redis")
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with running(redis_binary(), folder, *options) as server, closing(RedisLog(server.url)) as log:
        claims = [begun(log, f"r{number}", lease=1000.0) for number in range(5)]
        acknowledged, ends, is_over = 0, threading.Event(), threading.Event()
        seen = list[Row]()

        def write() -> None:
            nonlocal acknowledged
            while not ends.is_set():
                written = rows(1, 2, after=3 * acknowledged)
                assert log.write([Write(claim, written) for claim in claims]) == set()
                acknowledged += 1

        def follow() -> None:
            while not is_over.is_set() or seen[-1].last < 3 * acknowledged:
                last = seen[-1].last if seen else 0
                log.wait({"r3": last}, 0.5)
                seen.extend(log.read("r3", last, 10_000))

        writing, following = (threading.Thread(target=each) for each in (write, follow))
        writing.start()
        following.start()
        for _ in range(4):
            enough = acknowledged + 50
            eventually(lambda enough=enough: acknowledged > enough)  # type: ignore[misc]
            server.kill()
            sure = acknowledged
            server.start()
            assert int(server.client.hget("flask-stream:{r0}", "last")) >= 3 * sure
        ends.set()
        writing.join(DEADLINE)
        is_over.set()
        following.join(DEADLINE)
        whole = rows(*[1, 2] * acknowledged)
        assert seen == whole
        for claim in claims:
            assert log.read(claim.id, 0, 10**9) == whole


def test_connections_that_are_cut_are_made_again(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    answers: list[set[str]] = []
    waiting = threading.Thread(target=lambda: answers.append(log.wait({"r": 0}, DEADLINE)))
    waiting.start()
    for _ in range(5):
        eventually(lambda: server.client.info("clients")["blocked_clients"] == 1)
        server.client.client_kill_filter(_type="normal", skipme=True)
        assert known(log, "r").leased
    log.write([Write(claim, rows(1))])
    waiting.join(DEADLINE)
    assert answers == [{"r"}]


@pytest.fixture
def cutting(server: Server) -> Iterator[Cutting]:
    with Cutting(server.port) as cutting:
        yield cutting


def test_who_asks_again_gets_the_answer_that_was_lost(
    cutting: Cutting, log: RedisLog, server: Server
) -> None:
    """Redis has done it each time, and the connection is cut before the answer."""
    with closing(RedisLog(f"redis://127.0.0.1:{cutting.port}")) as cut:
        cut.state("r")

        def lost() -> None:
            assert not cutting.is_to_cut
            cutting.is_to_cut = True

        once = Once("key", "hash")
        # Redis knows the scripts, or the first answer would be that it does not.
        begun(log, "before", "cid")
        lost()
        claim = cut.create("r", "ann", 0.3, once=once, key="k", most=1)
        assert claim == Claim("r", 1)
        assert log.create("again", "ann", LEASE, once=once, most=1) == "r"

        log.write([Write(Claim("before", 1), rows(1))])
        lost()
        assert cut.write([Write(Claim("r", 1), rows(1, 1))]) == set()
        assert log.read("r", 0, 1000) == rows(1, 1)

        eventually(lambda: not known(log, "r").leased)
        log.take_over("before", LEASE)
        lost()
        assert cut.take_over("r", LEASE) == Claim("r", 2)
        assert log.take_over("r", LEASE) is None

        log.forget(Claim("before", 1))
        lost()
        cut.forget(Claim("r", 2))
        assert not cutting.is_to_cut
        assert log.state("r") is None


def test_a_run_whose_id_another_one_has_is_refused(log: RedisLog) -> None:
    begun(log, "r")
    with pytest.raises(LogError, match=r"there is a run already whose id is r"):
        log.create("r", "ann", LEASE)
    assert known(log, "r").leased


def test_a_redis_that_hangs_is_told(
    log: RedisLog, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = begun(log, "r")
    log.close()
    patience(monkeypatch, 0.5)
    monkeypatch.setattr(module, "_ANSWERS", 0.3)
    server.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LogError, match=r"(?i)cannot be used: .*time"):
        log.write([Write(claim, rows(1))])
    server.process.send_signal(signal.SIGCONT)
    eventually(lambda: written(log, claim))
    assert log.read("r", 0, 1000) == rows(1)


def written(log: RedisLog, claim: Claim) -> bool:
    with suppress(LogError):
        return log.write([Write(claim, rows(1))]) == set()
    return False


def test_a_redis_that_somebody_keeps_busy_is_waited_for(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    server.client.config_set("lua-time-limit", 10)
    busy = threading.Thread(target=run_for_ever, args=(server,))
    busy.start()
    eventually(lambda: is_busy(server))
    answers: list[set[Claim]] = []
    writing = threading.Thread(target=lambda: answers.append(log.write([Write(claim, rows(1))])))
    writing.start()
    assert is_busy(server)
    server.client.script_kill()
    writing.join(DEADLINE)
    busy.join(DEADLINE)
    assert answers == [set()]


def run_for_ever(server: Server) -> None:
    with redis.Redis.from_url(server.url, protocol=2) as client, suppress(redis.ResponseError):
        client.eval("while true do end", 0)


def is_busy(server: Server) -> bool:
    try:
        server.client.dbsize()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")
    return False


def test_replicas_that_it_must_have_are_waited_for(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    server.client.config_set("min-replicas-to-write", 1)
    answers: list[set[Claim]] = []
    writing = threading.Thread(target=lambda: answers.append(log.write([Write(claim, rows(1))])))
    writing.start()
    with pytest.raises(redis.ResponseError, match=r"NOREPLICAS"):
        server.client.set("any", "thing")
    server.client.config_set("min-replicas-to-write", 0)
    writing.join(DEADLINE)
    assert answers == [set()]


# -- it takes nothing -----------------------------------------------------------------------


def test_a_memory_that_is_full_is_told_and_there_may_be_room_again(
    log: RedisLog, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience(monkeypatch, FOR_EVER)
    claim = begun(log, "r")
    log.write([Write(claim, rows(1))])
    begun(log, "old", lease=0.001)
    server.client.config_set("maxmemory", 1)
    for refused in (
        lambda: log.write([Write(claim, [Row(2, 1, b"x"), Row(3, 1, b"y")], ends=True)]),
        lambda: log.create("another", "ann", LEASE),
        lambda: log.renew([claim], LEASE),
    ):
        with pytest.raises(LogError, match=r"cannot be used: its memory is full \(maxmemory\)"):
            refused()
    assert log.read("r", 0, 1000) == rows(1)
    assert (known(log, "r").last, known(log, "r").ended) == (1, False)
    assert log.state("another") is None
    assert log.wait({"r": 0}, DEADLINE) == {"r"}
    assert log.wait({"r": 1}, 0.01) == set()
    eventually(lambda: log.expire(0) == 1)  # to forget is what makes room
    server.client.config_set("maxmemory", 0)
    assert log.write([Write(claim, rows(1, after=1), ends=True)]) == set()
    assert log.read("r", 0, 1000) == rows(1, 1)


def test_a_replica_is_no_log_until_it_is_promoted(
    log: RedisLog, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = begun(log, "r")
    server.client.replicaof("127.0.0.1", 1)
    patience(monkeypatch, 0.2)
    for refused in (
        lambda: log.write([Write(claim, rows(1))]),
        lambda: log.wait({"r": 0}, DEADLINE),  # what it would tell may be old
    ):
        with pytest.raises(LogError, match=r"cannot be used: .*read only replica"):
            refused()
    patience(monkeypatch, DEADLINE)
    answers: list[set[Claim]] = []
    writing = threading.Thread(target=lambda: answers.append(log.write([Write(claim, rows(1))])))
    writing.start()
    server.client.replicaof("NO", "ONE")
    writing.join(DEADLINE)
    assert answers == [set()]
    assert log.read("r", 0, 1000) == rows(1)


def test_who_follows_goes_on_at_the_replica_that_has_taken_over(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One address leads to the one, then to the other, while the first becomes a replica."""
    address = server.folder / "address"
    address.symlink_to(server.socket)
    with (
        running(redis_binary(), tmp_path_factory.mktemp("replica")) as replica,
        closing(RedisLog(f"unix://{address}")) as log,
    ):
        replica.client.replicaof("127.0.0.1", server.port)
        claim = begun(log, "r")
        log.write([Write(claim, rows(1))])
        eventually(lambda: replica.client.hget("flask-stream:{r}", "last") == b"1")
        answers: list[set[str]] = []
        waiting = threading.Thread(target=lambda: answers.append(log.wait({"r": 1}, DEADLINE)))
        waiting.start()
        eventually(lambda: server.client.info("clients")["blocked_clients"] == 1)

        replica.client.replicaof("NO", "ONE")
        moved = server.folder / "moved"
        moved.symlink_to(replica.socket)
        os.replace(moved, address)
        server.client.replicaof("127.0.0.1", replica.port)
        assert log.write([Write(claim, rows(1, after=1))]) == set()
        waiting.join(DEADLINE)
        assert answers == [{"r"}]
        assert replica.client.xlen("flask-stream:{r}:rows") == 2


def test_a_node_of_a_cluster_is_told(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience(monkeypatch, FOR_EVER)
    folder = tmp_path_factory.mktemp("redis")
    options = ("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
    told = pytest.raises(LogError, match=r"cannot be used: .*attempted to access")
    with running(redis_binary(), folder, *options) as server:
        log = RedisLog(server.url)
        with closing(log), told:
            begun(log, "r")
