"""What the canned provider did: kept in memory, and at the end of a file if one is named."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections import deque
from typing import Any


class Log:
    """Entries in the order they happened, from any thread."""

    def __init__(self, file: str | None = None) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=20_000)
        self._file = file
        self._lock = threading.Lock()

    def record(self, request: int, event: str, **details: object) -> None:
        """Note that `event` happened to the request of that number."""
        entry = {"request": request, "event": event, "at": time.time(), **details}
        with self._lock:
            self._entries.append(entry)
            if self._file:
                with open(self._file, "a", encoding="utf-8", opener=_for_this_user) as file:
                    file.write(json.dumps(entry) + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """Give the entries so far, oldest first."""
        with self._lock:
            return list(self._entries)


def _for_this_user(path: str, flags: int) -> int:
    file = os.open(path, flags, 0o600)  # it has what people asked
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.fchmod(file, 0o600)  # also where it was there before
    return file
