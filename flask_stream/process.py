"""What there is one of in each process: a fork's child gets its own, and none of its parent's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def of_this_process(kept: dict[int, T], make: Callable[[], T]) -> T:
    """This process's; made when it is first asked for.

    :param kept: by process id.
    """
    pid = os.getpid()
    if pid not in kept:
        kept.setdefault(pid, make())
    return kept[pid]
