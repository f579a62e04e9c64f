"""What takes minutes, and is run apart from the rest: `make test-looks`."""

from __future__ import annotations

import os

import pytest

in_its_own_time = pytest.mark.skipif(
    "FLASK_STREAM_LOOKS" not in os.environ,
    reason="takes minutes: «make test-looks» runs it",
)
