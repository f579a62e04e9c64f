"""A log in a file of SQLite's. A module about another log has a `log` and a `made` of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_stream.logs.sqlite import SqliteLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(path)
    yield log
    log.close()


@pytest.fixture
def made(path: Path) -> str:
    return f"SqliteLog({str(path)!r})"
