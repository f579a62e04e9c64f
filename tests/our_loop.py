"""The event loop that all async streams of the process run on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from flask_stream.event_loop import loop_thread
from tests.servers.client import DEADLINE


def on_our_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it gives, run to its end on that loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop_thread().loop()).result(DEADLINE)
