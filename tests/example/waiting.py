"""Waiting for what must happen, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.servers.client import DEADLINE


def wait_for(condition: Callable[[], object]) -> None:
    """Return once `condition` is true; fail if it never is."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {DEADLINE} seconds"
        time.sleep(0.01)
