"""Which groups are collected, and what their tests are given: README.md has the rules."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.provider import Provider
from tests.servers.client import close_all
from tests.servers.process import WORKERS
from tests.sources.running import Server, running

ENVIRONMENTS = ROOT / ".venv-sources"
# The environment that this process runs in, if it is a group's; its name is the group's.
OWN = Path(sys.prefix).resolve()
GROUP = OWN.name if OWN.parent == ENVIRONMENTS else None


class Elsewhere(pytest.Directory):
    """A group's folder, seen from an environment that is not the group's."""

    def collect(self) -> Any:
        pytest.skip(
            f"needs an environment of its own: «make test-sources SOURCES={self.path.name}»",
            allow_module_level=True,
        )


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if path.parent == Path(__file__).parent and path.name != GROUP:
        if (path / "requirements.in").exists():
            return Elsewhere.from_parent(parent, path=path)
    return None


def pytest_configure(config: pytest.Config) -> None:
    if GROUP:  # what other libraries warn of is theirs to mend; the last line that fits counts
        for line in ("ignore", r"error:::(flask_stream|tests)(\..*)?"):
            config.addinivalue_line("filterwarnings", line)


@pytest.fixture(autouse=True)
def clients() -> Iterator[None]:
    """However a test ends, none of its connections is left for the next one."""
    yield
    close_all()


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """What the libraries leave open is collected here, where their warnings are passed over."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def speaking() -> Iterator[Provider]:
    """The provider that the site of `server` asks; `provider` is for tests in this process."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module", params=WORKERS)
def server(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """gunicorn with the app that the test's module names as `SITE`, on gthread and on gevent."""
    folder = tmp_path_factory.mktemp("server")
    with running(request.param, request.module.SITE, speaking.base, folder) as server:
        yield server
