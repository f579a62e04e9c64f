"""What the WSGI server lets us see of itself: the client's connection, and gunicorn's worker.

WSGI (PEP 3333) names neither. gunicorn and Werkzeug's development server put the client's
socket into the environ; gunicorn's worker object is found by way of the stack.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

Environ = MutableMapping[str, Any]

_RDHUP = getattr(select, "POLLRDHUP", 0)  # Linux's; elsewhere a FIN is a HUP
_DEAD = getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)
_OUT = getattr(select, "POLLOUT", 0)
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)  # RFC 5482; Linux's


def new_poll() -> Any:
    """A `select.poll` of the system's own: gevent's never tells that a peer has left.

    None on systems that have none.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    poll = monkey.get_original("select", "poll") if monkey else getattr(select, "poll", None)
    return poll() if poll is not None else None


class Connection:
    """The connection to a delivery's client, as far as the server shows it.

    :ivar socket: None where the environ names none, and for HTTP/2, whose connections carry
        other requests too.
    :ivar notices_fin: whether a FIN may tell that the client has left; else only a RST does.
    :ivar write: sends bytes to the client (PEP 3333); None where that is not possible. Only for who
        holds the delivery's lock.
    :ivar given: how many bytes of the body its response has given to the server.
    :ivar sent: how many the server has sent; None where it does not tell.
    :ivar beat: sends a comment to the client; None where that is not possible, or where the
        format has none. Only for who holds the delivery's lock.
    """

    def __init__(self, environ: Environ) -> None:
        sock = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
        self.is_http2 = environ.get("SERVER_PROTOCOL", "").startswith("HTTP/2")
        self.socket: Any = sock if hasattr(select, "poll") and not self.is_http2 else None
        self.write: Callable[[bytes], object] | None = None
        self.given = 0
        self.sent: Callable[[], int] | None = None
        self.beat: Callable[[], object] | None = None
        self.notices_fin = True
        self._user_timeout: int | None = None

    @property
    def signs(self) -> int:
        """What to poll for, to know whether the client has left."""
        return _RDHUP | _DEAD if self.notices_fin else _DEAD

    @property
    def fileno(self) -> int:
        """The socket's descriptor; -1 where there is none, or none any more."""
        try:
            return int(self.socket.fileno()) if self.socket is not None else -1
        except OSError:
            return -1

    @property
    def is_even(self) -> bool:
        """Whether nobody on the way to the server keeps anything of what it was given.

        A middleware may hold a piece back, and what is written now would overtake it.
        """
        return self.sent is not None and self.sent() == self.given

    def can_take(self) -> bool:
        """Whether some bytes can be written without waiting."""
        return self.beat is not None and bool(self._poll(_OUT) & _OUT)

    def has_left(self) -> bool:
        """Whether nobody reads any more. To be asked under the delivery's lock, which alone tells
        that the descriptor is not another connection's by now."""
        seen = self._poll(self.signs)
        if seen & _RDHUP and not seen & _DEAD:
            # A FIN: the client has closed the connection, or only its own half of it, and
            # still reads. Bytes tell: a peer that has closed answers them with a RST.
            if self.beat is None:
                return True
            if self.can_take():
                self.notices_fin = False
                self.beat()
        return bool(seen & ~_RDHUP)

    def hang_up(self) -> None:
        """Wake whoever is blocked in a write to the client. While the connection is its own."""
        if self.socket is not None:
            with suppress(OSError):  # it is gone already
                # Never the TLS socket's own: it would change what the writer is using.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def limit(self, seconds: float) -> None:
        """Have the system end the connection once its client takes nothing for that long."""
        if self._is_tcp() and self._user_timeout is None:
            with suppress(OSError):
                option = (socket.IPPROTO_TCP, _USER_TIMEOUT)
                self._user_timeout = self.socket.getsockopt(*option)
                self.socket.setsockopt(*option, min(max(1, round(seconds * 1000)), 2**31 - 1))

    def release(self) -> None:
        """Undo `limit`, and forget who writes: the connection may live on for other requests."""
        self.write = self.beat = self.sent = None
        if self._user_timeout is not None:
            with suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, self._user_timeout)

    def _is_tcp(self) -> bool:
        family = getattr(self.socket, "family", None)
        return _USER_TIMEOUT is not None and family in (socket.AF_INET, socket.AF_INET6)

    def _poll(self, events: int) -> int:
        poll, fileno = new_poll(), self.fileno
        if fileno < 0:
            return _DEAD
        poll.register(fileno, events)
        return sum(seen for _, seen in poll.poll(0))


# -- gunicorn's worker --------------------------------------------------------------------

_workers: dict[int, Any] = {}  # by process


def worker_of(environ: Environ) -> Any:
    """gunicorn's worker, whose request this is; None on other servers.

    There is no public way to it. Its `handle_request` is on the stack of every request, in
    gunicorn 23 to 27, whichever the worker's class.
    """
    software = str(environ.get("SERVER_SOFTWARE", ""))  # which may be made to hide what it is
    if "gunicorn.socket" not in environ and not software.startswith("gunicorn"):
        return None
    pid = os.getpid()
    if pid not in _workers:
        frame: Any = sys._getframe()
        while frame is not None and not _is_workers(frame):
            frame = frame.f_back
        if frame is None:  # a middleware's own thread: the next request may be called by ours
            return None
        _workers[pid] = frame.f_locals["self"]
    return _workers[pid]


def _is_workers(frame: Any) -> bool:
    code, module = frame.f_code, frame.f_globals.get("__name__", "")
    return code.co_name in ("handle_request", "handle_http2_request") and module.startswith(
        "gunicorn.workers."
    )


def serves_one_at_a_time(environ: Environ) -> bool:
    """Whether it is gunicorn's sync worker, which is killed unless it notifies its master."""
    return not environ.get("wsgi.multithread") and worker_of(environ) is not None


def threads_of(environ: Environ) -> int | None:
    """How many threads gunicorn's gthread worker has; None for other workers and servers."""
    worker = worker_of(environ)
    if worker is None or type(worker).__module__ != "gunicorn.workers.gthread":
        return None
    return int(worker.cfg.threads)
