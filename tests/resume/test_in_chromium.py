"""A real Chromium and a real gunicorn: what comes between the two, the answer survives."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.resume.address import Address
from tests.resume.conftest import DEADLINE, eventually
from tests.resume.serving import PATIENT, Server, serving
from tests.resume.words import words_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WORDS, PAUSE = 40, 60  # so many, with so many milliseconds between them
TEXT = "".join(words_of("p", WORDS))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.sqlite3'}"


@pytest.fixture
def server(tmp_path: Path, url: str) -> Iterator[Server]:
    with serving(tmp_path / "site", url, workers=2, arguments=PATIENT) as server:
        yield server


def begin(page: Page, server: Server | Address, transport: str = "") -> None:
    """Ask, and wait for the first words."""
    path = f"/page/p/{WORDS}/{PAUSE}?transport={transport}"
    page.goto(f"http://127.0.0.1:{server.port}{path}")
    if not transport:
        page.get_by_role("button", name="Ask").click()
    expect(answer(page)).to_contain_text("p-2")


def answer(page: Page):  # type: ignore[no-untyped-def]
    return page.locator("[data-part=text]")


def expect_whole(page: Page, server: Server) -> None:
    expect(page.locator("flask-stream")).to_have_attribute("data-state", "done")
    assert answer(page).evaluate("node => node.textContent") == TEXT
    assert len(server.asked()) == 1


@pytest.mark.parametrize("transport", ["", "eventsource"])
def test_a_reload_goes_on(page: Page, server: Server, transport: str) -> None:
    begin(page, server, transport)
    page.reload()
    expect(answer(page)).to_contain_text("p-2")
    expect_whole(page, server)


def begin_slowly(page: Page, server: Server, wait: int) -> None:
    """Ask, and wait until the view is at work."""
    page.goto(f"http://127.0.0.1:{server.port}/page/p/{WORDS}/{PAUSE}?wait={wait}")
    page.get_by_role("button", name="Ask").click()
    eventually(server.asked)


def test_a_reload_before_the_answer_has_begun_goes_on(page: Page, server: Server) -> None:
    begin_slowly(page, server, wait=2)
    page.reload()
    expect_whole(page, server)


@pytest.mark.parametrize("leaves", [False, True])
def test_a_stop_before_the_answer_has_begun_is_heard(
    page: Page, server: Server, leaves: bool
) -> None:
    begin_slowly(page, server, wait=2)
    page.evaluate("() => document.querySelector('flask-stream').stop()")
    if leaves:
        page.goto(f"http://127.0.0.1:{server.port}/hello")
    else:
        expect(page.locator("flask-stream")).to_have_attribute("data-state", "stopped")
    [[outcome, text]] = eventually(lambda: server.finished().get("p"))
    assert (outcome, text) == ("stopped", "")


def test_back_goes_on(page: Page, server: Server) -> None:
    begin(page, server)
    page.goto(f"http://127.0.0.1:{server.port}/hello")
    page.go_back()
    expect_whole(page, server)


@pytest.mark.parametrize("transport", ["", "eventsource"])
def test_offline_and_back_goes_on(page: Page, server: Server, transport: str) -> None:
    element = page.locator("flask-stream")
    with Address(server.port) as address:
        begin(page, address, transport)
        # «Offline» alone lets Chromium read on what is connected; a network that is gone does not.
        page.context.set_offline(True)
        address.lead_to(None)
        expect(element).to_have_attribute("data-state", "reconnecting")
        address.lead_to(server.port)
        page.context.set_offline(False)
        expect_whole(page, server)


@pytest.mark.parametrize("transport", ["", "eventsource"])
def test_a_server_that_is_restarted_in_mid_answer_goes_on(
    page: Page, server: Server, tmp_path: Path, url: str, transport: str
) -> None:
    begin(page, server, transport)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(DEADLINE) == 0
    with serving(tmp_path / "site", url, workers=2, port=server.port) as again:
        expect_whole(page, again)
