"""Browsers of the readers, and a real gunicorn for them to ask."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.browser.chat_states import States, made_by_the_element
from tests.browser.client_server import Site
from tests.browser.markdown_site import serve_tools, show_empty
from tests.browser.real_server import RealServer, Wire
from tests.conftest import BROWSER_TIMEOUT, CHROMIUM_ARGUMENTS, patient
from tests.servers.running import stop, until

_numbers = count(1)


@pytest.fixture
def site() -> Iterator[Site]:
    """A server that answers with what the test tells it to."""
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="session")
def states(browser: Browser) -> Iterator[States]:
    """A chat in each of its states."""
    with made_by_the_element(browser) as states:
        yield states


@pytest.fixture
def strict_page(page: Page) -> Iterator[Page]:
    """A page in which no script may fail, and nothing may be stopped by the page's policy."""
    yield page
    if page.url.startswith("http"):
        assert page.evaluate("window.violations ?? []") == []


@pytest.fixture(scope="session")
def everyday_browser(
    playwright: Playwright, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Chromium without playwright's own settings: tabs behind others are hidden, and pages that
    are left stay in the back/forward cache.
    """
    profile = tmp_path_factory.mktemp("profile")
    process = subprocess.Popen(
        [
            *(chromium, "--headless", "--remote-debugging-port=0"),
            *(f"--user-data-dir={profile}", *CHROMIUM_ARGUMENTS, "about:blank"),
        ],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = until(lambda: _first_line(profile / "DevToolsActivePort"), "Chromium did not start")
        url = f"http://127.0.0.1:{port}"
        connected = patient(
            playwright.chromium.connect_over_cdp(url, no_defaults=True, timeout=BROWSER_TIMEOUT)
        )
        yield connected
        connected.close()
    finally:
        stop(process)


def _first_line(file: Path) -> str:
    # Its second line is written last.
    lines = file.read_text().splitlines() if file.exists() else []
    return lines[0] if len(lines) > 1 else ""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One gunicorn for all the tests of a file that do not end it."""
    with RealServer(tmp_path_factory.mktemp("real")) as server:
        yield server


@pytest.fixture(scope="module")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A gunicorn with a short heartbeat."""
    with RealServer(tmp_path_factory.mktemp("beating"), {"STREAM_HEARTBEAT": 0.2}) as server:
        yield server


@pytest.fixture
def wire(real: RealServer) -> Iterator[Wire]:
    """What stands between browser and gunicorn, to be cut."""
    wire = Wire(real.port)
    yield wire
    wire.close()


@pytest.fixture
def prompt() -> str:
    """One that no other test asks."""
    return f"prompt{next(_numbers)}"


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[tuple[Page, Site, list[str]]]:
    """One for all the tests of a file that leave nothing in it, its site, and what failed in it."""
    page, site, errors = browser.new_page(), Site(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    serve_tools(page)
    yield page, site, errors
    page.close()
    site.close()


@pytest.fixture
def drawing_page(tab: tuple[Page, Site, list[str]]) -> Iterator[Page]:
    """An empty page, loaded anew, for `markdown_site.run`: it must neither throw nor do what its
    policy forbids. A page of its own would take as long as most tests in it.
    """
    page, site, errors = tab
    errors.clear()
    show_empty(page, site)
    yield page
    assert page.evaluate("window.violations") == []
    assert errors == []


@pytest.fixture
def timed_page(browser: Browser) -> Iterator[Page]:
    """A page whose timers the test can put forward, and which may neither throw nor be stopped by
    its policy.
    """
    with browser.new_context() as context:
        page = context.new_page()
        page.clock.install()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        if page.url.startswith("http"):
            assert page.evaluate("window.violations ?? []") == []
    assert errors == []


@pytest.fixture
def everyday_page(everyday_browser: Browser) -> Iterator[Page]:
    """A tab of a browser as readers have it, whose real frames stop while it is hidden."""
    (context,) = everyday_browser.contexts
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    for each in context.pages[1:]:  # the first is what keeps the browser's window open
        each.close()
    assert errors == []
