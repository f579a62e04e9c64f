"""When the garbage collector runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_automatic_collection() -> Iterator[None]:
    """None begins by itself before the end of the block."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
