"""The picture that moves in the README: a question, and its answer as it comes.

Every run leaves it in tests/output/. With FLASK_STREAM_PICTURES set (to anything) it goes to
docs/pictures/; it is committed.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from typing import NamedTuple

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
SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
            if number == PIECES - 1:  # it brings no word: its picture is that of the end
                break
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
    assert len(moving) < LARGEST
    for_the_docs = "FLASK_STREAM_PICTURES" in os.environ
    folder = ROOT / ("docs/pictures" if for_the_docs else "tests/output")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(moving)
    for picture in (moving, (ROOT / "docs" / "pictures" / NAME).read_bytes()):
        first, *others = shown = frames_of(picture)
        assert (first.width, first.height) == (size["width"], size["height"])
        assert [frame.milliseconds for frame in shown] == [wait for _, wait in frames]
        # Of a frame there are the rows that have changed; of one without a change, the first.
        assert all(1 < frame.height <= first.height for frame in others)


class Frame(NamedTuple):
    width: int
    height: int
    milliseconds: int


def frames_of(png: bytes) -> list[Frame]:
    """Those of a picture that moves; a chunk that is damaged fails."""
    frames, at, told = [], len(SIGNATURE), 0
    assert png.startswith(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        chunk = png[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(chunk),)
        kind, data = chunk[:4], chunk[4:]
        if kind == b"acTL":
            told = struct.unpack(">II", data)[0]
        if kind == b"fcTL":
            _, width, height, _, _, wait, second, *_ = struct.unpack(">IIIIIHHBB", data)
            assert second == 1000
            frames.append(Frame(width, height, wait))
        if kind in (b"IDAT", b"fdAT"):
            rows = zlib.decompress(data if kind == b"IDAT" else data[4:])
            assert len(rows) == frames[-1].height * (frames[-1].width + 1)
        at += 12 + length
    assert len(frames) == told
    return frames
