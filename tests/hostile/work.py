"""Work that is counted: the same for the same input, however busy the machine is.

Bytes are those of the whole process. Where they are compared closely, count them `apart`: another
thread, which an earlier test has left (a server's, a log's), may allocate meanwhile.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple, TypeVar

import sseclient

import flask_stream

OURS = str(Path(flask_stream.__file__).parent), str(Path(sseclient.__file__).parent)

T = TypeVar("T")

_DEADLINE = 120  # seconds


def apart(function: Callable[..., T], *arguments: Any) -> T:
    """What a function of a module gives in a process that does nothing else."""
    return _process().submit(function, *arguments).result(_DEADLINE)


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"))


class Work(NamedTuple):
    """What something has cost.

    :ivar calls: of functions, Python's and those written in C.
    :ivar allocated: bytes, most of them soon freed: what is copied at each of n steps is here
        n times.
    :ivar sent: bytes that a client gets.
    """

    calls: int
    allocated: int
    sent: int

    def over(self, other: Work) -> float:
        """How many times the other's, in whichever it is more."""
        return max(mine / theirs for mine, theirs in zip(self, other, strict=True))


def calls_of(do: Callable[[], Any]) -> int:
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    _profiled(do, count)
    return calls


def allocated_by(do: Callable[[], Any]) -> int:
    """Bytes, summed up over the calls that our code makes, and sseclient's.

    From one to the next, what was there at once at most is all that is to be had: what a single
    function in C allocates and frees again and again does not show.
    """
    allocated = last = 0
    ours: dict[CodeType, bool] = {}

    def add(frame: Any, event: str, argument: Any) -> None:
        nonlocal allocated, last
        code = frame.f_code
        if code not in ours:
            ours[code] = code.co_filename.startswith(OURS)
        if not ours[code] or event in ("return", "c_return"):
            return
        _, peak = tracemalloc.get_traced_memory()
        allocated += max(0, peak - last)
        tracemalloc.reset_peak()
        last = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    last = tracemalloc.get_traced_memory()[0]
    try:
        _profiled(do, add)
    finally:
        tracemalloc.stop()
    return allocated


def _profiled(do: Callable[[], Any], look: Callable[[Any, str, Any], None]) -> None:
    gc.disable()  # its own calls come when they like
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        do()
    finally:
        sys.setprofile(before)
        gc.enable()


def peak_of(do: Callable[[], Any]) -> int:
    """The most bytes that Python had at once while this was done, beside what it had before."""
    tracemalloc.start()
    try:
        base = tracemalloc.get_traced_memory()[0]
        do()
        return tracemalloc.get_traced_memory()[1] - base
    finally:
        tracemalloc.stop()


class Counted(int):
    """A number that counts how often it is compared with another one."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other

    def __hash__(self) -> int:
        return int.__hash__(self)
