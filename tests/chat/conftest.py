"""A real gunicorn with a chat, and a real Chromium in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.chat.chatting import Chat, chatting
from tests.resume.serving import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("chat")
    with serving(folder, "memory:", workers=1, app="tests.chat.site:app") as server:
        yield server


@pytest.fixture
def chat(browser: Browser, server: Server) -> Iterator[Chat]:
    """The chat of a new reader, in whose page nothing may fail, nor be stopped by its policy."""
    with chatting(browser, server) as chat:
        yield chat


@pytest.fixture
def bare_page(browser: Browser, server: Server) -> Iterator[Page]:
    """Of a new reader, without JavaScript."""
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        yield context.new_page()
