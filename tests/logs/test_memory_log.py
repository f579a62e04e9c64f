"""The log in memory keeps what each log has to."""

from __future__ import annotations

from pathlib import Path

from flask_stream.logs.log import Log
from flask_stream.logs.memory import MemoryLog
from flask_stream.testing import LogContract


class TestMemoryLog(LogContract):
    def open(self, folder: Path) -> Log:
        kept = self.__dict__.setdefault("kept", MemoryLog())  # there is one, of one process
        assert isinstance(kept, MemoryLog)
        return kept
