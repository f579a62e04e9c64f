"""Where runs that outlive their request are kept: one contract, `log.Log`, and one log a module."""

from __future__ import annotations

from pathlib import Path

from .log import Log
from .memory import MemoryLog

_FILE = "flask-stream.sqlite3"
_SQLITE = "sqlite:///"
_REDIS = ("redis://", "rediss://", "unix://")

EXPECTED_URL = (
    f'None (a file {_FILE} in the instance folder), "sqlite:///PATH", "memory:", '
    '"redis://HOST:PORT/NUMBER", "rediss://…", "unix://…", or a log of your own'
)


def is_log_url(value: object) -> bool:
    """Whether `open_log` can make something of it."""
    if not isinstance(value, str):
        return value is None or isinstance(value, Log)
    return value == "memory:" or (
        value.startswith((_SQLITE, *_REDIS)) and not value.endswith((_SQLITE, "://"))
    )


def open_log(url: str | Log | None, folder: Path) -> Log:
    """The log that STREAM_LOG_URL names; nothing is opened before it is used.

    :param folder: for the default, and for a path that is relative.
    """
    if isinstance(url, Log):
        return url
    if url == "memory:":
        return MemoryLog()
    if url is not None and url.startswith(_REDIS):
        from .redis import RedisLog  # which needs redis-py

        return RedisLog(url)
    from .sqlite import SqliteLog  # which loads SQLite; most apps keep no run

    return SqliteLog(folder / (url or _FILE).removeprefix(_SQLITE))
