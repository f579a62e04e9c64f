"""Wakes a thread that waits for a provider inside of a library that we cannot see into.

The library's client holds the socket somewhere of its own. But whoever waits has it in his
hands: the innermost frames of his thread are the socket's own methods, and its HTTP client's.
(In that thread a tool of the app's may wait, too: for its database, whose socket is not touched.)
"""

from __future__ import annotations

import inspect
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, cast

from .stacks import INNERMOST, Look, of_greenlet, of_thread, outwards, working_for

# The modules of HTTP clients, one of which is among the frames where one waits. Not all of `http`:
# Flask's own server is an http.server, and is below every stream.
_HTTP = ("http.client", "httpcore.", "httpcore2.", "urllib3.")

_EVERY_SECONDS = 0.1
_MOST_POOLS = 3  # a thread of one may wait for another's


class Waiting:
    """The thread, or greenlet, that is about to wait. Made in it.

    :param within: the frame that is never left while it waits for this stream.
    """

    def __init__(self, within: FrameType) -> None:
        self._look = of_thread(threading.get_ident())
        self._within = within
        greenlets: Any = sys.modules.get("greenlet")
        self._greenlet = greenlets.getcurrent() if greenlets is not None else None

    def wake(self) -> bool:
        """End its wait, from another thread, where it waits for a socket of its own; or that of
        the pool's threads that it waits for.

        :returns: whether there was one.
        """
        return self._is_within() and _wake(self._frame)

    def wake_pools(self) -> bool:
        """The same for a pool's threads alone. What the thread itself waits for is left to it."""
        return self._is_within() and _wake_pools(self._frame(), 0)

    def _is_within(self) -> bool:
        frame = self._frame()
        return frame is not None and any(f is self._within for f in outwards(frame))

    def _frame(self) -> FrameType | None:
        """Its innermost frame."""
        return of_greenlet(self._greenlet)() or self._look()


@contextmanager
def keep_waking_pools(waiting: Waiting) -> Iterator[None]:
    """While the block runs, in `waiting`'s thread, wake whom it waits for again and again.

    But not itself: an app's reading function may tell its provider, by HTTP, that it has left.
    """
    over = threading.Event()

    def wake() -> None:
        while not over.wait(_EVERY_SECONDS):
            with suppress(OSError):  # the connection is lost already
                waiting.wake_pools()

    threading.Thread(target=wake, name="flask-stream-closing", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _wake(look: Look, pools: int = 0) -> bool:
    """:param pools: how many of them are between it and the thread that reads the stream."""
    frame = look()
    if frame is None:
        return False
    for inner in outwards(frame, INNERMOST):
        if _cancel_loop(inner):
            return True
        sock = _socket_of(inner)
        if sock is None:
            continue
        # Looked at again, last of all: what has come meanwhile may have given the socket back.
        if _is_http(frame) and not _is_shared(frame) and look() is frame:
            # Never the TLS socket's own shutdown: its reader would raise ValueError.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
            return True
        return False
    return _wake_pools(frame, pools)


def _wake_pools(frame: FrameType | None, pools: int) -> bool:
    if frame is None or pools == _MOST_POOLS:
        return False
    woken = [_wake(each, pools + 1) for each in working_for(frame)]  # all of them
    return any(woken)


def _socket_of(frame: FrameType) -> socket.socket | None:
    """The socket whose method this is, or whose method the HTTP client's backend has called.

    Whoever the method is of, may be anything: looking at it runs none of its own code.
    """
    owner = frame.f_locals.get("self")
    held = inspect.getattr_static(owner, "_sock", None)  # socket.SocketIO's, httpcore's
    for each in (owner, held):
        if issubclass(type(each), socket.socket):
            return cast(socket.socket, each)
    return None


def _is_http(frame: FrameType) -> bool:
    """Whether it is an HTTP client that waits."""
    names = (each.f_globals.get("__name__", "") for each in outwards(frame, 2 * INNERMOST))
    return any(name.startswith(_HTTP) for name in names)


def _is_shared(frame: FrameType) -> bool:
    """Whether other streams may be on the same connection: HTTP/2's."""
    owners = (each.f_locals.get("self") for each in outwards(frame, 2 * INNERMOST))
    return any("HTTP2" in type(owner).__name__ for owner in owners)


def _cancel_loop(frame: FrameType) -> bool:
    """Cancel what a library's own event loop runs in this thread until it is done."""
    if frame.f_code.co_name != "run_until_complete":
        return False
    loop, future = frame.f_locals.get("self"), frame.f_locals.get("future")
    cancel = getattr(future, "cancel", None)
    call: Any = getattr(loop, "call_soon_threadsafe", None)
    if cancel is None or call is None:
        return False
    with suppress(RuntimeError):  # it was closed meanwhile
        call(cancel)
    return True
