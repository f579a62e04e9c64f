"""What is looked at to find who works for one that waits: it may not cost more than it is worth."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import pytest

from flask_stream.providers import stacks

greenlet = pytest.importorskip("greenlet", reason="gevent brings it")

TAKES = 0.25  # seconds, as of a process with some 200,000 objects


def test_readers_who_leave_together_have_all_objects_looked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    looks = 0

    def all_objects() -> list[object]:
        nonlocal now, looks
        now += TAKES
        looks += 1
        return gc.get_objects()

    monkeypatch.setattr(stacks, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(stacks, "gc", SimpleNamespace(get_objects=all_objects))
    greenlets = stacks._Greenlets()
    first = greenlet.greenlet(lambda: None)
    for _ in range(40):
        assert first in greenlets.all()
    assert looks == 1
    second = greenlet.greenlet(lambda: None)
    now += stacks._REST * TAKES
    assert second in greenlets.all()
    assert looks == 2


def test_a_greenlet_is_not_kept_by_it() -> None:
    greenlets = stacks._Greenlets()
    known = greenlet.greenlet(lambda: None)
    assert known in greenlets.all()
    greenlets._until = float("inf")
    before = len(greenlets.all())
    del known
    gc.collect()
    assert len(greenlets.all()) < before
