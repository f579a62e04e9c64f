"""What an app does that a stream does not bear: once each, the log says so, and what to do."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
import requests

from tests.existing.serving import POOL, Site, User, events_of, running
from tests.existing.test_site import Held, SignIn, echo
from tests.provider import Provider
from tests.servers.running import DEADLINE, until


@pytest.fixture(scope="module")
def site(speaking: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("mistaken")
    with running("gthread", speaking.base, folder, pool_timeout=0) as site:
        yield site


def warning(site: Site, *words: str) -> None:
    """Wait for the warning with these words; there must be one, however often it happened."""

    def found() -> list[str]:
        return [told for told in site.warnings if all(word in told for word in words)]

    until(found, f"no warning with {words}:\n{site.log}")
    assert len(found()) == 1


def test_streams_that_keep_their_connections_empty_the_pool_and_are_warned_of(
    site: Site, speaking: Provider, sign_in: SignIn
) -> None:
    held = Held()
    speaking.run(held)
    user = sign_in("careless")
    answers: list[requests.Response] = []
    try:
        for _ in range(POOL):
            answers.append(user.ask("/mistakes/connection", "Why?"))
            assert held.begun.acquire(timeout=DEADLINE)
        refused = user.get("/me")
        assert refused.status_code == 500
        assert "QueuePool limit of size 2 overflow 0 reached" in site.log
    finally:
        held.let_go.set()
    assert [list(events_of(answer))[-1][0] for answer in answers] == ["done"] * POOL
    assert user.me()["name"] == "careless"
    warning(site, "database connection", "db.session.commit()")


def test_a_session_that_is_changed_in_a_callback_is_not_kept_and_is_warned_of(
    site: Site, sign_in: SignIn
) -> None:
    user = sign_in("forgetful")
    for _ in range(2):
        answer = user.ask("/mistakes/session", "Why?")
        assert list(events_of(answer))[-1][0] == "done"
    assert user.me()["asked"] is None
    warning(site, "session", "first byte")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/mistakes/after-request", ["put a body of its own", "compressing"]),
        ("/mistakes/middleware", ["Content-Encoding gzip", "compression"]),
    ],
)
def test_what_compresses_a_stream_is_warned_of(
    site: Site, speaking: Provider, sign_in: SignIn, path: str, words: list[str]
) -> None:
    speaking.run(echo)
    user = sign_in("zipped")
    for _ in range(2):
        with user.ask(path, "Why?") as answer:
            body = b"".join(answer.raw.stream(decode_content=False))
            assert b"event: done" in gzip.decompress(body)
    warning(site, "text/event-stream", *words)


def test_an_error_before_a_compressed_stream_is_told(site: Site, sign_in: SignIn) -> None:
    user = sign_in("unlucky")
    for question, status in (("", 400), ("Fail", 500)):
        with user.ask("/mistakes/after-request", question) as answer:
            assert answer.status_code == status
            assert gzip.decompress(answer.raw.read(decode_content=False))
    assert "Request finalizing failed" not in site.log


def test_a_page_without_streams_warns_of_nothing(site: Site) -> None:
    before = site.warnings
    with User(site) as user:
        assert user.get("/sign-in").ok
    assert site.warnings == before
