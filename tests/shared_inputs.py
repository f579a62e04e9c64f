"""Provider streams that are there beside the project, each with what it must come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED

# What `EXPECTED.json` calls the wires.
WIRE = {"anthropic": "anthropic", "chat": "openai_chat", "responses": "openai_responses"}


def expected_in(folder: str, what: str) -> tuple[dict[str, Any], list[Any]]:
    """What is expected of each stream of a folder, and their names as a test's parameters.

    :param what: what they are, for the reason of the skip where there are none.
    """
    path = SHARED / folder / "EXPECTED.json"
    if not path.exists():
        skip = pytest.mark.skip(reason=f"no {what} in {SHARED.name}/")
        return {}, [pytest.param("", id="none", marks=skip)]
    expected = json.loads(path.read_text())
    return expected, [pytest.param(name, id=Path(name).stem) for name in expected]
