"""A thousand bridges and channels each: nothing is lost or repeated, and nothing is left."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.many_handovers import KINDS, many


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable()  # what fails when nobody reads is told in the log
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_in_threads(kind: str, quiet: None) -> None:
    many(kind, 1000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_in_greenlets(kind: str) -> None:
    command = [sys.executable, "-m", "tests.many_handovers", kind, "1000", "gevent"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert "all is well" in done.stdout, done.stderr[-3000:]
