"""The site, running, and the provider that it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.existing.serving import Site, User, running
from tests.provider import Provider


@pytest.fixture(scope="module")
def speaking() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module", params=["gthread", pytest.param("gevent", marks=pytest.mark.slow)])
def site(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with running(request.param, speaking.base, tmp_path_factory.mktemp("site")) as site:
        yield site
        # Nothing that it does is a mistake; of other sites, which are refused, the log tells once.
        told = [line for line in site.warnings if "A page of another site" not in line]
        assert told == []
        assert len(site.warnings) <= 2
        assert "Traceback" not in site.log


@pytest.fixture
def sign_in(site: Site) -> Iterator[Callable[[str], User]]:
    """Sign somebody in; gives their browser."""
    users: list[User] = []

    def sign_in(name: str) -> User:
        users.append(User(site))
        return users[-1].sign_in(name)

    yield sign_in
    for user in users:
        user.close()
