"""One provider, and each server once, for all the tests that need no settings of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.provider import Provider
from tests.servers.client import close_all
from tests.servers.running import SERVERS, Server, matrix, running


@pytest.fixture(autouse=True)
def clients() -> Iterator[None]:
    """However a test ends, none of its connections is left for the next one."""
    yield
    close_all()


@pytest.fixture(scope="session")
def speaking() -> Iterator[Provider]:
    """The provider that the servers ask."""
    with Provider() as provider:
        yield provider


# pytest runs all that one server has to do, whatever file it is in, before it starts the next.
@pytest.fixture(scope="session", params=matrix(*SERVERS))
def server(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Each server of the matrix, with the default settings."""
    with running(request.param, speaking.base, tmp_path_factory.mktemp("server")) as server:
        yield server
