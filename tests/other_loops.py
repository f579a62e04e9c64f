"""An event loop that is not the process's own, as an app has one of `asyncio.run`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_another_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it gives, run to its end in a loop that is closed then.

    In a thread of its own: what drives the browser leaves a loop running in the tests' thread.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
