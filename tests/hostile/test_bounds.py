"""What one answer may cost a worker: each bound, and what comes of an answer that is above it."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_stream import Data, Result, Text, relay
from flask_stream.providers import depth
from flask_stream.providers.cut_json import partial_json
from flask_stream.sse import Decoder
from tests.conftest import Site, said
from tests.provider import PATHS, TEXT, Exchange, Provider, frames, told
from tests.provider import WIRES as ALL_WIRES
from tests.transcripts.reading import chunk

WIRES = ALL_WIRES


def steps_of(function: Callable[[], object]) -> int:
    """How many lines of Python it runs: its work, whatever else the machine does."""
    steps = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return steps


def asked_with(body: bytes, *, size: int, headers: dict[str, str] | None = None) -> Any:
    """A script that sends `body` in pieces of `size`, until the app has left."""

    def script(exchange: Exchange) -> None:
        exchange.start(headers=headers) if headers else exchange.start()
        try:
            for at in range(0, len(body), size):
                exchange.send(body[at : at + size])
        except OSError:
            return
        exchange.end()

    return script
