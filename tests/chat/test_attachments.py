"""Files that go with a question."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.chat.chatting import Chat

pytestmark = pytest.mark.browser

PNG = base64.b64decode(  # of one pixel
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = {"name": "a picture.png", "mimeType": "image/png", "buffer": PNG}
PAPER = {"name": "paper.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
SCRIPT = {"name": "run.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"}
LARGE = {"name": "large.pdf", "mimeType": "application/pdf", "buffer": b"x" * 3000}
LOOKS = {"attach": "image/*,.pdf", "max_bytes": 2000}

# What a browser makes of a drop or a paste.
TRANSFER = """(target, [type, files, text]) => {
    const data = new DataTransfer();
    for (const { name, mimeType, buffer } of files) {
        const bytes = Uint8Array.from(atob(buffer), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: mimeType }));
    }
    if (text) data.setData("text/plain", text);
    const init = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
    const Kind = type === "paste" ? ClipboardEvent : DragEvent;
    return !target.dispatchEvent(new Kind(type, init));
}"""


def chips(chat: Chat) -> Locator:
    return chat.composer.locator("[data-chat=files] li")


def choose(chat: Chat, *files: Any) -> None:
    with chat.page.expect_file_chooser() as chooser:
        chat.button("Attach files").click()
    chooser.value.set_files(list(files))


def transfer(target: Locator, kind: str, *files: Any, text: str = "") -> bool:
    """:returns: whether the page has taken it."""
    given = [{**file, "buffer": base64.b64encode(file["buffer"]).decode()} for file in files]
    taken: bool = target.evaluate(TRANSFER, [kind, given, text])
    return taken


def test_files_are_sent_with_the_question(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PICTURE)
    choose(chat, PAPER)
    expect(chips(chat).locator("> span")).to_have_text(["a picture.png", "paper.pdf"])
    expect(chips(chat).first.locator("canvas")).to_be_visible()
    chat.ask_to_the_end("With files")
    assert chat.asked("With files")[0]["files"] == ["a picture.png", "paper.pdf"]
    expect(chips(chat)).to_have_count(0)
    names = chat.output.locator("[data-turn=user] [data-chat=files] li")
    expect(names).to_have_text(["a picture.png", "paper.pdf"])
    chat.ask_to_the_end("Without")
    assert chat.asked("Without")[0]["files"] == []


def test_a_file_is_taken_back(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PICTURE, PAPER)
    chips(chat).first.get_by_role("button", name="Remove a picture.png").click()
    expect(chips(chat)).to_have_count(1)
    expect(chat.field).to_be_focused()
    chat.ask_to_the_end("One left")
    assert chat.asked("One left")[0]["files"] == ["paper.pdf"]


def test_a_file_alone_is_a_question(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PAPER)
    chat.field.press("Enter")
    chat.expect_answers(1)
    assert chat.asked("")[-1]["files"] == ["paper.pdf"]
    chat.expect_said("", "You said:")
    # Of a page that is loaded anew, too: the server may have kept the file.
    chat.ask_to_the_end("And then").page.reload()
    expect(chat.answers).to_have_count(2)
    chat.page.get_by_role("button", name="Answer again").first.click()
    expect(chat.answers).to_have_count(1)
    chat.expect_state("done").expect_said("", "You said:")
    assert chat.asked("")[-1]["attempt"] == 2
    chat.field.press("Enter")  # without one it is required again
    chat.expect_answers(1)


def test_an_empty_file_field_sends_nothing(chat: Chat) -> None:
    chat.open(**LOOKS)
    with chat.page.expect_request("**/chat") as request:
        chat.ask("No file")
    assert "filename" not in (request.value.post_data or "")
    chat.expect_state("done")


def test_files_that_back_brings_are_shown(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PAPER)
    expect(chips(chat)).to_have_count(1)
    chat.page.goto("/hello")
    chat.page.go_back()
    expect(chat.button("Attach files")).to_be_visible()
    chat.expect(
        "document.querySelectorAll('[data-chat=files] li').length"
        " === document.querySelector('[type=file]').files.length"
    )
    shown = chips(chat).count()
    chat.ask_to_the_end("Back with files")
    assert len(chat.asked("Back with files")[-1]["files"]) == shown


def test_a_file_that_was_changed_since_is_not_sent(chat: Chat, tmp_path: Path) -> None:
    """Its request would fail, and a chat that can be resumed would ask for it again and again."""
    file = tmp_path / "notes.pdf"
    file.write_bytes(b"one")
    chat.open(**LOOKS)
    with chat.page.expect_file_chooser() as chooser:
        chat.button("Attach files").click()
    chooser.value.set_files([file])
    expect(chips(chat)).to_have_count(1)
    file.write_bytes(b"something longer")
    chat.ask("What is in it?")
    expect(chat.hint).to_have_text("notes.pdf cannot be read. Choose it again.")
    expect(chips(chat)).to_have_count(0)
    expect(chat.field).to_have_value("What is in it?")
    chat.expect_said()


def test_any_kind_of_file_may_be_said_to_be_taken(chat: Chat) -> None:
    chat.open(attach="*/*")
    choose(chat, SCRIPT)
    expect(chips(chat)).to_have_count(1)


def test_a_form_that_is_reset_has_no_files(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PAPER)
    expect(chips(chat)).to_have_count(1)
    chat.composer.evaluate("form => form.reset()")
    expect(chips(chat)).to_have_count(0)


def test_what_cannot_be_sent_is_told_before(chat: Chat) -> None:
    chat.open(**LOOKS)
    expect(chat.button("Attach files")).to_have_attribute(
        "title", "Attach files (image/*,.pdf, 2 kB)"
    )
    choose(chat, LARGE, SCRIPT, PAPER)
    expect(chat.hint).to_have_text(
        "large.pdf is too large: 2 kB at most. run.exe cannot be sent here: only image/*,.pdf."
    )
    expect(chips(chat)).to_have_count(1)
    chat.ask_to_the_end("The rest")
    assert chat.asked("The rest")[0]["files"] == ["paper.pdf"]
    expect(chat.hint).to_be_empty()


def test_files_are_dropped(chat: Chat) -> None:
    element = chat.open(**LOOKS).page.locator("flask-chat")
    assert transfer(chat.output, "dragover", PAPER)
    expect(element).to_have_attribute("data-dragging", "")
    assert transfer(chat.output, "drop", PAPER)
    expect(element).not_to_have_attribute("data-dragging", "")
    expect(chips(chat)).to_have_count(1)
    assert not transfer(chat.output, "dragover", text="only words")


def test_files_are_pasted_and_words_with_a_picture_are_words(chat: Chat) -> None:
    chat.open(**LOOKS)
    assert transfer(chat.field, "paste", PICTURE)
    expect(chips(chat)).to_have_count(1)
    assert not transfer(chat.field, "paste", PICTURE, text="a cell of a table")
    expect(chips(chat)).to_have_count(1)


def test_files_are_given_back_with_what_is_refused(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PAPER)
    chat.ask("refuse the paper").expect_state("failed")
    expect(chips(chat)).to_have_count(1)
    chat.field.fill("Take the paper")
    chat.field.press("Enter")
    chat.expect_state("done")
    assert chat.asked("Take the paper")[0]["files"] == ["paper.pdf"]


def test_files_go_along_when_it_is_asked_again(chat: Chat) -> None:
    chat.open(**LOOKS)
    choose(chat, PAPER)
    chat.ask_to_the_end("Read it")
    choose(chat, PICTURE)  # for the next question
    chat.button("Answer again").click()
    chat.expect_answers(2)
    assert [each["files"] for each in chat.asked("Read it")] == [["paper.pdf"]] * 2
    expect(chips(chat)).to_have_count(1)


def test_without_a_file_input_nothing_is_attached(chat: Chat) -> None:
    chat.open()
    expect(chat.button("Attach files")).to_have_count(0)
    assert not transfer(chat.output, "dragover", PAPER)
