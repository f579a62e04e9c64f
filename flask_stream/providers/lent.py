"""A connection that a client's pool has lent to one response."""

from __future__ import annotations

import inspect
import socket
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod


class Lent:
    """Knows of a connection's return to its pool before it happens.

    The pool may hand it to another stream at once, whose socket it is then. HTTP clients give
    it back inside the read that meets the body's end, by a method of the response, so that
    method's call is where this looks: it waits for the lock, which a cancel has while it shuts
    the socket down.

    :param owner: the response.
    :param name: its method that gives the connection back.
    :param lock: the source's own; held by whoever asks for `ours` and relies on the answer.
    :ivar known: whether its return can be seen; where it cannot, nobody may touch the socket.
    :ivar ours: whether the connection still carries this response.
    """

    def __init__(self, owner: Any, name: str, lock: threading.Lock) -> None:
        self.ours = self.known = False
        give_back = getattr(owner, name, None)
        if not callable(give_back):
            return
        get: Callable[[], Callable[..., Any] | None] = lambda: give_back  # noqa: E731
        if inspect.ismethod(give_back):
            # Weakly, since a cycle would leave a stream that is dropped to the collector.
            get = WeakMethod(give_back)

        def take_back(*args: Any, **kwargs: Any) -> Any:
            with lock:
                self.ours = False
            method = get()
            return method(*args, **kwargs) if method is not None else None

        try:
            setattr(owner, name, take_back)
        except AttributeError:  # it has slots, or is read-only
            return
        self.ours = self.known = True


def shut_down(response: Any) -> None:
    """Shut down the socket that an httpx response is read from, where it has one of its own.

    Under the lock of its `Lent`, and only where that is still `ours`.
    """
    if response.is_closed or is_http2(response):
        return
    network = getattr(response, "extensions", {}).get("network_stream")
    sock = network.get_extra_info("socket") if network is not None else None
    if isinstance(sock, socket.socket):
        # Never the TLS socket's own shutdown: its reader would raise ValueError.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def is_http2(response: Any) -> bool:
    return getattr(response, "http_version", None) == "HTTP/2"
