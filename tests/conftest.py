"""What several tests need: a provider on loopback, and the recorded streams where they are."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from hypothesis import settings
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.test import TestResponse

from flask_stream import FlaskStream, limits, sse, watch
from tests.own_time import skip_what_takes_long
from tests.provider import Provider, ReplayServer
from tests.servers.client import DEADLINE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

BROWSER_TIMEOUT = 1000 * DEADLINE  # milliseconds

# The last four: without a network, Chromium would look for its makers' hosts at every start.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("FLASK_STREAM_SHARED", ROOT.parent / "shared"))

# Where these tests run in a shell's background, SIGINT is ignored, and by all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, however busy the machine is.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take seconds: at the end, one of them would be waited for."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    skip_what_takes_long(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`: what shares a server is run by one process."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.sharing import Sharing

    return Sharing(config, log)


@pytest.fixture(autouse=True)
def _no_log_of_an_earlier_tests_redis() -> Iterator[None]:
    """A thread that an earlier test has left may say, once a minute, that its Redis is gone: this
    test's log is not to have that."""
    before = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def is_of_now(record: logging.LogRecord) -> bool:
        is_of_log = str(record.msg).startswith("Flask-Stream's log fails")
        return not (is_of_log and record.thread in before)

    logger = logging.getLogger("flask_stream")
    logger.addFilter(is_of_now)
    yield
    logger.removeFilter(is_of_now)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded streams, which is not part of the repository."""
    if not (SHARED / "transcripts" / "EXPECTED.json").exists():
        pytest.skip(
            f"the recorded provider streams are not at {SHARED.name}/ beside the repository"
        )
    return SHARED


@pytest.fixture(scope="session")
def replay(shared: Path) -> Iterator[ReplayServer]:
    """A process that plays the recorded streams over HTTP."""
    with ReplayServer(shared) as server:
        yield server


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider of the project's own, which sends exactly what a test tells it to."""
    with Provider() as server:
        yield server


class Site:
    """An app with one streaming view at `/`, asked as a page asks it."""

    def __init__(self) -> None:
        self.app = Flask("site")
        self.app.secret_key = "for the session"
        self.stream = FlaskStream(self.app)

    def view(self, view: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Make `view` the app's, below `@stream.response`. Also as `@site.view(format=…)`."""
        if view is None:
            return lambda view: self.view(view, **options)
        streaming = self.stream.response(**options)(view)
        self.app.add_url_rule("/", "view", streaming, methods=["GET", "POST"])
        return view

    def ask(self, method: str = "POST", **request: Any) -> TestResponse:
        return self.app.test_client().open("/", method=method, **request)

    def events(self, **request: Any) -> list[tuple[str, Any]]:
        """Every event of the answer: its name and its data."""
        return events_of(self.ask(**request).response)


def events_of(body: Iterable[bytes]) -> list[tuple[str, Any]]:
    return [(event.type, json.loads(event.data)) for event in sse.decode(body)]


def said(events: Iterable[tuple[str, Any]]) -> str:
    """What the user reads."""
    return "".join(data["text"] for name, data in events if name == "text")


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def own_watcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that carries no stream; and no other test hears of those refused here."""
    own: dict[int, limits.Places] = {}
    monkeypatch.setattr(watch, "_watchers", {})
    monkeypatch.setattr(limits, "_streams", own)
    yield
    for places in own.values():
        places.untold = 0


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers."""
    from playwright.sync_api import expect, sync_playwright  # the other tests do without it

    expect.set_options(timeout=BROWSER_TIMEOUT)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium as readers have it: `CHROMIUM`, or the machine's."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "These tests need Chromium: «make test» gets it, or set CHROMIUM to its path."
    return path


def patient(browser: Browser) -> Browser:
    """What is done in its pages may take as long as what is waited for there."""

    def wait_longer(context: BrowserContext) -> None:
        context.set_default_timeout(BROWSER_TIMEOUT)

    browser.on("context", wait_longer)
    for context in browser.contexts:
        wait_longer(context)
    return browser


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests: the build without windows, where the machine has it.

    A page costs a quarter of the time there. What a browser does with pages that are hidden or
    left is for `everyday_browser` to show.
    """
    path = shutil.which("chromium-headless-shell") or chromium
    browser = patient(playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS))
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, in which no script may fail."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def serve() -> Iterator[Callable[[Flask], str]]:
    """Serve an app on a free loopback port, each request in a thread; gives its address."""
    servers: list[BaseWSGIServer] = []

    def start(app: Flask) -> str:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
