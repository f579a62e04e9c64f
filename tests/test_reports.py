"""Small inputs after public reports, through the real SDKs and through requests, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_stream import Event, Result, ToolCallStart, relay
from tests.conftest import SHARED
from tests.provider import ReplayServer
from tests.shared_inputs import WIRE, expected_in
from tests.transcripts.reading import collect

EXPECTED, REPORTS = expected_in("reports", "small inputs after reports")


@pytest.fixture(scope="module")
def reports() -> Iterator[ReplayServer]:
    with ReplayServer(SHARED, "reports") as server:
        yield server


def strings(value: Any) -> Iterator[str]:
    """All text that a JSON value holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def check(name: str, events: list[Event], result: Result) -> None:
    told = EXPECTED[name]
    trim = str.strip if told.get("trimmed") else str
    assert trim(result.text) == told["text"]
    assert trim(result.reasoning) == told.get("reasoning", "")
    assert not told.get("trimmed") or result.text == result.text.lstrip()
    assert result.outcome == told["outcome"]
    if told["outcome"] == "complete":
        assert result.stop_reason == told["stop_reason"]
    else:
        assert result.error is not None
        assert result.error.code in told["codes"]
        assert result.error.retryable is told.get("retryable", result.error.retryable)
    calls = [[call.name, call.arguments] for call in result.tool_calls]
    assert calls == told.get("tool_calls", [])
    if "starts" in told:
        starts = [event.name for event in events if isinstance(event, ToolCallStart)]
        assert starts == told["starts"]
    kept = list(strings(result.message))
    for text in (told[key] for key in ("content", "message_text") if key in told):
        assert text in kept
    for text in told.get("contents", []):
        assert any(text in string for string in kept)


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("options", ["", "?split=1"], ids=["whole", "single bytes"])
@pytest.mark.parametrize("way", ["sdk", "requests"])
def test_a_reported_stream_comes_to_what_it_must(
    reports: ReplayServer, name: str, options: str, way: str
) -> None:
    open_stream = reports.create if way == "sdk" else reports.post
    stream = open_stream(WIRE[EXPECTED[name]["api"]], Path(name).stem + options)
    check(name, *collect(relay(stream)))
