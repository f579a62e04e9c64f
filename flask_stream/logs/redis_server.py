"""The Redis that a log is in: how it is connected to, waited for, and connected to again."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import FlaskStreamError
from .log import LogError
from .redis_scripts import Script

if TYPE_CHECKING:
    from redis import BlockingConnectionPool

T = TypeVar("T")

# Seconds: for a Redis that is away, or is none to write to; and between two tries, which are the
# further apart the more there were.
_PATIENCE, _FIRST_PAUSE, _LONGEST_PAUSE = 15.0, 0.02, 0.5
# Seconds, for one answer. A command that blocks must have its own before.
_ANSWERS = 5.0
# Connections of a process at once. A command takes a fraction of a millisecond, and plans for a
# small Redis allow for 20 or 30 in all.
_MOST = 8

# What passes: it starts, a script of somebody's holds it up, it is a replica now, or has lost those
# that it must have to write.
_PASSES = {"LOADING", "BUSY", "READONLY", "UNBLOCKED", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN"}


@dataclass
class _Opened:
    """Connections, of one process, and how many of its threads use them now."""

    client: Any  # a redis.Redis, whose methods have no types that are of use
    pool: BlockingConnectionPool
    process: int
    users: int = 0


class RedisServer:
    """Asks the Redis at `url`, for any thread.

    Connections are opened when they are needed; anew in a fork's child; and behind an error that
    may pass, since there may be another server at that address by now. What is asked must do no
    harm when it is done twice: whether it was done is not known where no answer came.

    :raises FlaskStreamError: redis-py is missing, or the URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self._place = _place(self._connect().pool)

    def run(self, script: Script, *arguments: str | int | bytes) -> Any:
        """What a script gives.

        :raises LogError: that took too long, or it could not.
        """
        return self._patiently(lambda client: _run(client, script, arguments))

    def ask(self, *command: str | int) -> Any:
        """What Redis answers to a command.

        :raises LogError: that took too long, or it could not.
        """
        return self._patiently(lambda client: client.execute_command(*command))

    def tell(self, script: Script, *arguments: str | int) -> None:
        """Have a script run, if Redis is there."""
        from redis import RedisError

        try:
            with self._client() as client:
                _run(client, script, arguments)
        except (RedisError, OSError):
            self.close()

    def close(self) -> None:
        """Each connection as soon as nobody uses it."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None and not opened.users:
                opened.pool.disconnect()

    def _patiently(self, work: Callable[[Any], T]) -> T:
        from redis import RedisError

        end, pause = time.monotonic() + _PATIENCE, 0.0
        while True:
            try:
                with self._client() as client:
                    return work(client)
            except (RedisError, OSError) as error:
                self.close()
                if not _may_pass(error) or time.monotonic() + pause >= end:
                    raise LogError(
                        f"The log in Redis at {self._place} cannot be used: {_reason(error)}."
                    ) from error
            time.sleep(pause)  # at once at first: one that had been idle may have been closed
            pause = min(max(_FIRST_PAUSE, 2 * pause), _LONGEST_PAUSE)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        with self._lock:
            if self._opened is None or self._opened.process != os.getpid():
                self._opened = self._connect()
            opened = self._opened
            opened.users += 1
        try:
            yield opened.client
        finally:
            with self._lock:
                opened.users -= 1
                if not opened.users and opened is not self._opened:
                    opened.pool.disconnect()

    def _connect(self) -> _Opened:
        try:
            from redis import BlockingConnectionPool, Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise FlaskStreamError(
                "A log in Redis takes redis-py, which is not installed. "
                'Install it with: pip install "flask-stream-sse[redis]"'
            ) from None
        try:
            pool = BlockingConnectionPool.from_url(
                self._url, max_connections=_MOST, timeout=_PATIENCE, protocol=2
            )
            # Whatever the URL says of these.
            pool.connection_kwargs.update(
                decode_responses=False,
                socket_timeout=_ANSWERS,
                socket_connect_timeout=_ANSWERS,
                retry=Retry(NoBackoff(), 0),
            )
            pool.connection_class(**pool.connection_kwargs)  # it knows what it can be told
        except (TypeError, ValueError):
            raise FlaskStreamError(  # the cause may name a part of the password
                "The URL of the log in Redis cannot be used. It must be like "
                "redis://USER:PASSWORD@HOST:6379/0, rediss:// for TLS, or "
                "unix://USER:PASSWORD@/path/to/socket?db=0, with what redis-py knows behind a "
                "question mark; and : / ? # @ % in a password as %3A %2F %3F %23 %40 %25."
            ) from None
        return _Opened(Redis(connection_pool=pool), pool, os.getpid())


def _run(client: Any, script: Script, arguments: tuple[str | int | bytes, ...]) -> Any:
    from redis.exceptions import NoScriptError

    try:
        return client.execute_command("EVALSHA", script.sha, 0, *arguments)
    except NoScriptError:  # it was started after this process, or has not had this one yet
        return client.execute_command("EVAL", script.source, 0, *arguments)


def _place(pool: BlockingConnectionPool) -> str:
    """Where it is, without the password."""
    found = pool.connection_kwargs
    place = found.get("path") or f"{found.get('host', 'localhost')}:{found.get('port', 6379)}"
    return f"{place}, database {found.get('db', 0)}"


def _may_pass(error: Exception) -> bool:
    from redis import AuthenticationError, ConnectionError, TimeoutError
    from redis.exceptions import AuthorizationError

    if isinstance(error, AuthenticationError | AuthorizationError):
        return False
    if isinstance(error, ConnectionError | TimeoutError | OSError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return _code(error) in _PASSES


def _code(error: Exception) -> str:
    """Redis's word for it: the first one, or where it came to a script, the first one of that."""
    within = re.search(r"-([A-Z]+) ", str(error))  # as Redis 6 tells it
    if within:
        return within[1]
    return str(getattr(error, "status_code", None) or str(error).partition(" ")[0])


def _reason(error: Exception) -> str:
    if _code(error) == "OOM":
        return "its memory is full (maxmemory), and its policy lets nothing go"
    return str(error).rstrip(".") or type(error).__name__
