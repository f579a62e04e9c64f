"""Small inputs made after public bug reports: each comes to what EXPECTED.json says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_stream import Event, Result, ToolCallStart, relay
from tests.conftest import SHARED
from tests.provider import ReplayServer
from tests.test_recordings import collect

REPORTS = SHARED / "reports"
_PATH = REPORTS / "EXPECTED.json"
EXPECTED: dict[str, Any] = json.loads(_PATH.read_text()) if _PATH.exists() else {}

if EXPECTED:
    EACH = [pytest.param(name, id=Path(name).stem) for name in EXPECTED]
else:
    skip = pytest.mark.skip(reason=f"no inputs of public reports in {SHARED.name}/reports")
    EACH = [pytest.param("", id="none", marks=skip)]

WIRE = {"anthropic": "anthropic", "chat": "openai_chat", "responses": "openai_responses"}


@pytest.fixture(scope="module")
def replay() -> Iterator[ReplayServer]:
    with ReplayServer(SHARED, REPORTS) as server:
        yield server


def check(expected: dict[str, Any], events: list[Event], result: Result, code: str | None) -> None:
    def told(text: str) -> str:
        return text.strip() if expected.get("trimmed") else text

    assert result.outcome == expected["outcome"]
    for field in ("text", "reasoning"):
        if field in expected:
            assert told(getattr(result, field)) == expected[field]
    if "tool_calls" in expected:
        calls = [[call.name, call.arguments] for call in result.tool_calls]
        assert calls == expected["tool_calls"]
    if "starts" in expected:
        starts = [event.name for event in events if isinstance(event, ToolCallStart)]
        assert starts == expected["starts"]
    if expected["outcome"] == "failed":
        assert code in expected["codes"]
        assert result.error is not None
        assert result.error.retryable == expected.get("retryable", result.error.retryable)
    else:
        assert result.stop_reason == expected["stop_reason"]
    if "content" in expected:
        assert result.message["content"] == expected["content"]
    for piece in expected.get("contents", []):
        assert piece in json.dumps(result.message["content"])


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("options", ["", "?split=1"], ids=["whole", "single bytes"])
@pytest.mark.parametrize("way", ["sdk", "requests"])
def test_a_reported_input_comes_to_what_it_must(
    replay: ReplayServer, name: str, options: str, way: str
) -> None:
    expected = EXPECTED[name]
    open_stream = replay.create if way == "sdk" else replay.post
    model = Path(name).stem + options
    events, result, code = collect(relay(open_stream(WIRE[expected["api"]], model)))
    check(expected, events, result, code)
