"""A machine on which no thread can begin: what is refused leaves nothing that waits for ever."""

from __future__ import annotations

import threading

import pytest

from flask_stream.detached.keeper import Keeper
from flask_stream.logs.log import Once
from flask_stream.logs.memory import MemoryLog


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_run_that_nobody_can_keep_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    keeper = Keeper(log, lease=60, ttl=60, most=10)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            keeper.begin("r", "ann", linger=None, once=Once("key", "body"))
    assert log.alive() == []
    assert keeper.state("r") is None
    assert keeper._reader._feeds == {}


def test_a_run_whose_keeper_has_gone_to_rest_meanwhile_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log may take longer than the writer waits for more to do."""
    log = MemoryLog()
    keeper = Keeper(log, lease=60, ttl=0.01, most=10)
    create = log.create

    def slow(*arguments: object, **options: object) -> object:
        thread = keeper._writer._thread
        assert thread is not None
        thread.join(30)
        return create(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "create", slow)
    producer = keeper.begin("r", "ann", linger=None)
    assert not isinstance(producer, str)
    assert keeper._writer._thread is not None
    keeper.give_up(producer)
