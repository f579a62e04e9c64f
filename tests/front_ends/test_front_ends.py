"""What docs/front-ends.md shows and says, with React 18, React 19 (both in StrictMode) and Vue.

`make test` opens each of its pages; what else may happen there is for «make test-long».
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.chat.chatting import Chat
from tests.front_ends.conftest import COMPONENTS, DOCS, TEXT, snippets
from tests.own_time import in_its_own_time
from tests.resume.conftest import eventually

pytestmark = pytest.mark.browser

SAVED = [
    {"role": "user", "text": "Hi", "id": "1"},
    {"role": "assistant", "text": "**Hello**", "id": "1"},
]


def open_front(chat: Chat, front: str) -> Chat:
    chat.page.goto(f"/front/{front}")
    expect(chat.field).to_be_visible()
    return chat


def render(chat: Chat, /, **state: Any) -> None:
    """Change the state of the page around the component, and wait until it is rendered."""
    count = int(chat.page.inner_text("#renders")) + 1
    chat.page.evaluate("state => set(state)", {**state, "renders": count})
    expect(chat.page.locator("#renders")).to_have_text(str(count))


def test_each_component_of_the_page_is_tried() -> None:
    languages = [language for language, _ in snippets()]
    assert languages == [*(language for language, _ in COMPONENTS), "ts"]


def test_the_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\((\w[\w-]+\.md)(?:#([\w-]+))?\)", TEXT)
    assert links
    for name, anchor in links:
        headings = re.findall(r"^#+ (.*)", (DOCS / name).read_text("utf-8"), re.MULTILINE)
        there = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not anchor or anchor in there, (name, anchor)


def test_a_question_is_asked_once_and_its_events_are_heard(chat: Chat, front: str) -> None:
    open_front(chat, front).ask_to_the_end("Why?").expect_said("Why?", "You said: Why?")
    expect(chat.page.locator("#heard")).to_have_text("stream:start stream:done")
    assert [each["attempt"] for each in chat.asked("Why?")][:1] == [1]
    chat.ask_to_the_end("And?").expect_said("Why?", "You said: Why?", "And?", "You said: And?")


@in_its_own_time
def test_to_render_in_the_middle_of_an_answer_changes_nothing(chat: Chat, front: str) -> None:
    question = f"hold {front} rendered"
    open_front(chat, front).ask(question).expect_state("streaming")
    render(chat)
    chat.expect_state("streaming").let_go(question)
    chat.expect_state("done").expect_said(question, f"Held: {front} rendered. Let go.")
    render(chat)
    chat.expect_said(question, f"Held: {front} rendered. Let go.")


@in_its_own_time
def test_an_answer_is_stopped(chat: Chat, front: str) -> None:
    open_front(chat, front).ask(f"hold {front} stopped").expect_state("streaming")
    chat.button("Stop").click()
    chat.expect_state("stopped").expect_said(f"hold {front} stopped", f"Held: {front} stopped.")


@in_its_own_time
def test_what_was_said_is_drawn_and_later_changes_of_it_are_not(chat: Chat, front: str) -> None:
    chat.save(*SAVED)
    open_front(chat, front).expect_said("Hi", "Hello")
    expect(chat.answers.locator("strong")).to_have_text("Hello")
    chat.ask_to_the_end("Why?")
    render(chat, turns=[{**SAVED[0], "text": "Changed"}])
    chat.expect_said("Hi", "Hello", "Why?", "You said: Why?")


@in_its_own_time
def test_a_turn_may_be_asked_again(chat: Chat, front: str) -> None:
    """The client removes turns that the front end has made."""
    chat.save(*SAVED)
    open_front(chat, front).button("Answer again").click()
    chat.expect_said("Hi", "You said: Hi").expect_state("done")
    render(chat)
    render(chat, chat=False)
    expect(chat.page.locator("flask-chat")).to_have_count(0)


@in_its_own_time
def test_an_unmounted_chat_is_gone_on_with_where_it_is_mounted_again(
    chat: Chat, front: str
) -> None:
    question = f"hold {front} unmounted"
    open_front(chat, front).ask(question).expect_state("streaming")
    render(chat, chat=False)
    render(chat, chat=True)
    chat.expect_state("streaming").let_go(question)
    chat.expect_state("done").expect_said(question, f"Held: {front} unmounted. Let go.")
    assert len(chat.asked(question)) == 1


@in_its_own_time
def test_an_unmounted_answer_is_written_to_its_end(chat: Chat, front: str) -> None:
    question = f"hold {front} left"
    open_front(chat, front).ask(question).expect_state("streaming")
    render(chat, chat=False)
    chat.let_go(question)
    eventually(lambda: len(chat.page.request.get("/turns").json()) == 2)
    open_front(chat, front).expect_said(question, f"Held: {front} left. Let go.")


@in_its_own_time
def test_another_key_is_another_conversation(chat: Chat, front: str) -> None:
    question = f"hold {front} first"
    open_front(chat, front).ask(question).expect_state("streaming")
    render(chat, conversation="2")
    chat.expect_state("idle").expect_said()
    chat.ask_to_the_end("Second").expect_said("Second", "You said: Second")
    render(chat, conversation="1")
    chat.expect_state("streaming").let_go(question)
    chat.expect_state("done").expect_said(question, f"Held: {front} first. Let go.")


def test_a_page_that_a_server_has_rendered_is_hydrated(chat: Chat, front: str) -> None:
    # A script that comes late: what the server has rendered is there before.
    chat.page.add_init_script(
        "document.addEventListener('readystatechange', () => {"
        " window.sent ??= document.querySelector('flask-chat'); })"
    )
    open_front(chat, f"{front}-hydrated").expect_said("Hi", "Hello")
    assert chat.page.evaluate("sent === document.querySelector('flask-chat')")
    chat.ask_to_the_end("Why?").expect_said("Hi", "Hello", "Why?", "You said: Why?")


def test_a_form_and_its_element(chat: Chat, front: str) -> None:
    open_front(chat, front)
    render(chat, chat=False, others=True)
    chat.page.get_by_label("Your short question").fill("markdown")
    chat.page.get_by_role("button", name="Ask", exact=True).click()
    chat.expect_state("done")
    expect(chat.output.locator("strong")).to_have_text("bold")


def test_a_component_that_streams_stops_where_it_is_unmounted(chat: Chat, front: str) -> None:
    open_front(chat, front)
    render(chat, chat=False, others=True)
    before = len(chat.page.request.get("/ended").json())
    chat.page.get_by_role("button", name="Sum up").click()
    expect(chat.page.get_by_text("All in all")).to_be_visible()
    render(chat, others=False)
    ended = eventually(lambda: chat.page.request.get("/ended").json()[before:])
    assert ended == ["disconnected"]
