"""The example app, and a canned provider in a hurry."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page

from example_app import canned_provider, create_app
from example_app.canned_provider import CannedProvider
from tests.example.asking import sign_in
from tests.example.browsing import enter, watched
from tests.example.server import KEYS, Server


@pytest.fixture
def canned(tmp_path: Path) -> Iterator[CannedProvider]:
    """A canned provider that writes a thousand tokens a second."""
    server = CannedProvider(delay=0.001, log_file=str(tmp_path / "canned.jsonl"))
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def app(canned: CannedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app as it is without any key."""
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setattr(canned_provider, "address", lambda: (canned.url, canned.key))
    return create_app({"DATABASE": str(tmp_path / "chat.sqlite3"), "TESTING": True})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def reader(client: FlaskClient) -> FlaskClient:
    """One who has signed in."""
    return sign_in(client)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app on a real gunicorn."""
    server = Server(tmp_path_factory.mktemp("example"))
    yield server
    server.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page of a new reader, which must neither throw nor do what its policy forbids."""
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        complaints = watched(page)
        enter(page)
        yield page
    assert complaints == []
