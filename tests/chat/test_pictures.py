"""The picture that moves in the README: a question, and its answer as it comes.

Every run leaves it in tests/output/. With FLASK_STREAM_PICTURES set (to anything) it goes to
docs/pictures/; it is committed.
"""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.small_png import animated_png
from tests.chat.chatting import Chat
from tests.chat.site import WHY
from tests.conftest import ROOT
from tests.resume.serving import Server

pytestmark = pytest.mark.browser

QUESTION = "Why stream an answer?"
NAME = "chat-moving.png"
LARGEST = 250_000  # bytes
PIECES = -(-len(re.split(r"(?<= )", WHY)) // 3)


def test_an_answer_that_comes(browser: Browser, server: Server) -> None:
    size = {"width": 560, "height": 540}
    with browser.new_context(base_url=server.url, viewport=size) as context:
        chat = Chat(context.new_page())
        chat.page.emulate_media(reduced_motion="reduce")
        chat.open(suggest=["How do the words get here?"], sheet="/full.css")
        frames = [(chat.page.screenshot(), 700)]
        for end in range(4, len(QUESTION) + 4, 4):
            chat.field.fill(QUESTION[:end])
            frames.append((chat.page.screenshot(), 120))
        chat.field.press("Enter")
        chat.expect_state("waiting")
        frames.append((chat.page.screenshot(), 500))
        for number in range(PIECES):
            before = chat.answers.last.inner_text()
            chat.let_go(f"{QUESTION} {number}")
            if number < PIECES - 1:  # the last brings no word
                chat.expect(
                    "before => document.querySelector('[data-turn=\"\"]').innerText !== before",
                    before,
                )
            frames.append((chat.page.screenshot(), 110))
        chat.expect_state("done")
        expect(chat.button("Copy as Markdown")).to_be_visible()
        chat.page.mouse.move(300, 5)
        frames.append((chat.page.screenshot(), 4000))
        chat.check()
    moving = animated_png(browser, frames)
    assert moving.count(b"fcTL") == len(frames)
    assert len(moving) < LARGEST
    for_the_docs = "FLASK_STREAM_PICTURES" in os.environ
    folder = ROOT / ("docs/pictures" if for_the_docs else "tests/output")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(moving)
    committed = (ROOT / "docs" / "pictures" / NAME).read_bytes()
    assert committed.startswith(moving[:8])
