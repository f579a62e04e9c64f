"""The page's client in an app that exists: what it shows of what the other extensions do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.existing.serving import Site, running
from tests.existing.test_site import echo
from tests.provider import Provider

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(speaking: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running("gthread", speaking.base, tmp_path_factory.mktemp("pages")) as site:
        yield site


@pytest.fixture(autouse=True)
def scripted(speaking: Provider) -> None:
    speaking.run(echo)


def sign_in(page: Page, site: Site, name: str) -> dict[str, str]:
    """Sign the page's browser in; gives the headers of its next POST."""
    headers = {"X-CSRFToken": page.request.get(f"{site.base}/token").json()["token"]}
    assert page.request.post(f"{site.base}/sign-in", form={"name": name}, headers=headers).ok
    return headers


def ask(page: Page, state: str) -> str:
    """Ask, wait until the element is in `state`, and give what it shows."""
    page.get_by_label("Your question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    page.locator("flask-stream[data-state=done], flask-stream[data-state=failed]").wait_for()
    element = page.locator("flask-stream")
    assert element.get_attribute("data-state") == state, element.inner_text()
    return element.inner_text()


def test_the_pages_token_passes_flask_wtf(page: Page, site: Site) -> None:
    sign_in(page, site, "reader")
    page.goto(site.base)
    assert "You said: Why?" in ask(page, "done")


def test_a_reader_who_is_not_signed_in_is_told_so(page: Page, site: Site) -> None:
    page.goto(site.base)
    assert "You are not signed in, it seems" in ask(page, "failed")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("/limited", "5 per 1 minute"),  # the limit's own words, as JSON
        ("/limited-page", "Too many requests. Wait a moment, then ask again."),
    ],
)
def test_a_limit_is_shown_in_words(page: Page, site: Site, action: str, words: str) -> None:
    headers = sign_in(page, site, f"eager at {action}")
    page.goto(f"{site.base}/?action={action}")
    assert "One of five." in ask(page, "done")
    for _ in range(4):
        assert page.request.post(f"{site.base}{action}", headers=headers).ok
    assert words in ask(page, "failed")


def test_a_token_that_has_run_out_is_an_error_that_is_shown(page: Page, site: Site) -> None:
    sign_in(page, site, "slow to ask")
    page.goto(site.base)
    page.evaluate("document.querySelector('meta[name=csrf-token]').content = 'old'")
    assert "HTTP 400" in ask(page, "failed")
