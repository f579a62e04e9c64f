"""The log in Redis keeps what each log has to, in Valkey too; and several processes share it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flask_stream.logs import redis as redis_module
from flask_stream.logs import redis_server as redis_server_module
from flask_stream.logs.log import Log, LogError, Once, Write
from flask_stream.logs.redis import RedisLog
from flask_stream.testing import LogContract
from flask_stream.testing.log_case import LEASE, begun, eventually, known, rows
from tests.conftest import ROOT
from tests.logs.processes import SharedByProcesses, another
from tests.logs.redis_servers import (
    DEADLINE,
    Server,
    redis_binary,
    running,
    valkey_binary,
)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(redis_binary(), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(valkey_binary(), tmp_path_factory.mktemp("valkey")) as server:
        yield server


class TestRedisLog(LogContract):
    @pytest.fixture(autouse=True)
    def empty(self, redis_server: Server) -> None:
        redis_server.client.flushall()
        self.url = redis_server.url

    def open(self, folder: Path) -> Log:
        return RedisLog(self.url)


class TestRedisLogInValkey(LogContract):
    @pytest.fixture(autouse=True)
    def empty(self, valkey_server: Server) -> None:
        valkey_server.client.flushall()
        self.url = valkey_server.url

    def open(self, folder: Path) -> Log:
        return RedisLog(self.url)


@pytest.fixture
def server(redis_server: Server) -> Server:
    redis_server.client.flushall()
    redis_server.client.config_resetstat()
    return redis_server


@pytest.fixture
def log(server: Server) -> Iterator[RedisLog]:
    log = RedisLog(server.url)
    yield log
    log.close()


@pytest.fixture
def made(server: Server) -> str:
    return f"RedisLog({server.url!r})"


class TestRedisLogOfSeveralProcesses(SharedByProcesses):
    pass


# -- several processes ----------------------------------------------------------------------


def test_who_was_stopped_past_its_lease_writes_no_more(log: RedisLog, made: str) -> None:
    script = """
claim = log.create("r", "ann", 0.2)
turn = 0
while not (fenced := log.write([Write(claim, rows(1, after=turn))])):
    turn += 1
    if turn == 5:
        print("on its way", flush=True)
print("fenced", fenced == {claim}, flush=True)
"""
    with another(script, made) as process:
        assert process.stdout
        assert process.stdout.readline() == "on its way\n"
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: log.take_over("r", LEASE) is not None)
        last = known(log, "r").last
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "fenced True\n"
        assert known(log, "r").last == last


def test_a_forks_child_has_connections_of_its_own(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    pid = os.fork()
    if not pid:
        try:
            log.write([Write(claim, rows(1))])
            log.wake()
            assert log.wait({"r": 1}, DEADLINE) == set()
            log.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    log.write([Write(claim, rows(1, after=1))])
    assert [row.last for row in log.read("r", 0, 1000)] == [1, 2]
    eventually(lambda: server.connections() == 1)


def test_on_gevent_others_go_on_while_one_waits(server: Server) -> None:
    script = """
from gevent import monkey; monkey.patch_all()
import gevent, sys
from flask_stream.logs.log import *
from flask_stream.logs.redis import RedisLog
from flask_stream.testing.log_case import begun, rows
log = RedisLog(sys.argv[1])
claims = [begun(log, f"r{n}") for n in range(40)]
waiting = gevent.spawn(log.wait, {claim.id: 0 for claim in claims}, 60)
turns = 0
while turns < 20:
    gevent.sleep(0.005)
    turns += 1
assert not waiting.ready()
gevent.joinall([gevent.spawn(log.write, [Write(each, rows(1))]) for each in claims], timeout=60)
assert waiting.get(timeout=60) <= {claim.id for claim in claims}
reading = [gevent.spawn(log.read, each.id, 0, 1000) for each in claims]
assert [each.get(timeout=60) for each in reading] == [rows(1)] * 40
log.close()
print("well")
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (ran.stdout, ran.returncode) == ("well\n", 0), ran.stderr


# -- to wait --------------------------------------------------------------------------------


def test_any_thread_wakes_it_and_none_is_missed(
    log: RedisLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that is missed would be made good by the next look.
    monkeypatch.setattr(redis_module, "_LOOKS_ANYWAY", 2 * DEADLINE)
    monkeypatch.setattr(redis_server_module, "_ANSWERS", 3 * DEADLINE)
    begun(log, "r")
    woken = threading.Semaphore(0)

    def wait() -> None:
        for _ in range(200):
            assert log.wait({"r": 0}, 2 * DEADLINE) == set()
            woken.release()

    waiting = threading.Thread(target=wait)
    waiting.start()
    for turn in range(200):
        threading.Thread(target=log.wake).start()
        assert woken.acquire(timeout=DEADLINE), turn
    waiting.join(DEADLINE)


def test_who_waits_for_many_is_one_command_that_blocks(log: RedisLog, server: Server) -> None:
    claims = [begun(log, f"r{number}") for number in range(300)]
    server.client.config_resetstat()
    answers: list[set[str]] = []
    after = {claim.id: 0 for claim in claims}
    waiting = threading.Thread(target=lambda: answers.append(log.wait(after, DEADLINE)))
    waiting.start()
    eventually(lambda: server.client.info("clients")["blocked_clients"] == 1)
    log.write([Write(claims[123], rows(1))])
    waiting.join(DEADLINE)
    assert answers == [{"r123"}]


def test_what_is_forgotten_is_waited_for_no_longer(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    begun(log, "another")
    answers: list[set[str]] = []
    after = {"r": 0, "another": 0}
    waiting = threading.Thread(target=lambda: answers.append(log.wait(after, DEADLINE)))
    waiting.start()
    eventually(lambda: server.client.info("clients")["blocked_clients"] == 1)
    log.forget(claim)
    waiting.join(DEADLINE)
    assert answers == [{"r"}]


# -- what is left ---------------------------------------------------------------------------


def test_nothing_is_left_open(server: Server) -> None:
    before = threading.active_count()
    assert server.connections() == 0
    for turn in range(20):
        with closing(RedisLog(server.url)) as log:
            claim = begun(log, f"r{turn}")
            waiting = threading.Thread(target=log.wait, args=({claim.id: 0}, DEADLINE))
            waiting.start()
            if turn % 2:
                eventually(lambda: server.client.info("clients")["blocked_clients"] == 1)
        waiting.join(DEADLINE)
    assert threading.active_count() == before
    eventually(lambda: server.connections() == 0)


def test_many_threads_share_a_few_connections(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    log.write([Write(claim, rows(1))])
    ready = threading.Barrier(60)
    most: list[int] = []

    def read() -> None:
        ready.wait(DEADLINE)
        for _ in range(20):
            assert log.read("r", 0, 1000)
        most.append(server.connections())

    reading = [threading.Thread(target=read) for _ in range(60)]
    for thread in reading:
        thread.start()
    for thread in reading:
        thread.join(DEADLINE)
    assert len(most) == 60
    assert max(most) <= 8 + 60  # those of the log, and those that ask how many there are


def test_nothing_is_left_of_2000_runs_and_each_step_is_short(log: RedisLog, server: Server) -> None:
    claims = [
        begun(log, f"r{n}", f"owner {n % 7}", key=f"chat {n % 50}", once=Once(f"key {n}", "hash"))
        for n in range(2000)
    ]
    log.attend("here", {claim.id: 1 for claim in claims}, LEASE)
    log.write([Write(claim, rows(1, 1), ends=True) for claim in claims[::2]])
    log.renew(claims[1::2], 0.01)
    assert server.client.dbsize() > 4000
    forgotten = 0

    def all_are_forgotten() -> bool:
        nonlocal forgotten
        forgotten += log.expire(0)
        return forgotten == 2000

    eventually(all_are_forgotten)
    assert server.client.dbsize() == 0
    assert server.counted("zrangebyscore") >= 20


def test_no_more_is_forgotten_at_once_than_leaves_others_their_turn(log: RedisLog) -> None:
    claims = [begun(log, f"r{number}") for number in range(250)]
    log.write([Write(claim, rows(1), ends=True) for claim in claims])
    eventually(lambda: log.expire(0) == 100)
    assert [log.expire(0) for _ in range(3)] == [100, 50, 0]


def test_rows_that_were_evicted_are_no_end_and_no_gap(log: RedisLog, server: Server) -> None:
    claim = begun(log, "r")
    log.write([Write(claim, rows(2, 1))])
    server.client.delete("flask-stream:{r}:rows")
    assert log.read("r", 3, 1000) == []
    with pytest.raises(LogError, match=r"Run r: of its 3 events .* evicts .* noeviction"):
        log.read("r", 0, 1000)
    log.write([Write(claim, rows(1, after=3))])
    assert log.read("r", 3, 1000) == rows(1, after=3)
    with pytest.raises(LogError, match=r"behind number 2 are gone"):
        log.read("r", 2, 1000)
