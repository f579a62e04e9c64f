"""What all tests of this group need."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _collected_between_tests() -> Iterator[None]:
    """No garbage is collected while a request is made.

    LiteLLM leaves Responses that have failed unclosed, in a cycle. httpx's response is closed when
    that is collected; and if it is so in the midst of another request, httpcore's pool waits for
    ever for a lock that its own thread has.
    """
    gc.disable()
    yield
    gc.enable()
    gc.collect()
