"""A chat whose page is left while its answer is written."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.chat.chatting import Chat

pytestmark = pytest.mark.browser


def test_a_reload_goes_on_with_the_answer(chat: Chat) -> None:
    chat.open().ask_to_the_end("Before").ask("hold reloaded").expect_state("streaming")
    expect(chat.answers.last).to_contain_text("Held: reloaded.")
    chat.page.reload()
    chat.expect_state("streaming")
    expect(chat.answers.last).to_contain_text("Held: reloaded.")
    assert chat.said()[:3] == ["Before", "You said: Before", "hold reloaded"]
    chat.let_go("hold reloaded")
    chat.expect_state("done")
    expected = ["Before", "You said: Before", "hold reloaded", "Held: reloaded. Let go."]
    chat.expect_said(*expected)
    expect(chat.button("Answer again")).to_be_visible()
    chat.page.reload()
    expect(chat.answers).to_have_count(2)
    chat.expect_said(*expected).expect_state("idle")
    assert len(chat.asked("hold reloaded")) == 1


def test_a_second_tab_goes_on_and_stops_both(chat: Chat) -> None:
    chat.open().ask("hold twice").expect_state("streaming")
    other = Chat(chat.page.context.new_page())
    other.open().expect_state("streaming")
    expect(other.answers.last).to_contain_text("Held: twice.")
    other.expect_said("hold twice", "Held: twice.")
    other.button("Stop").click()
    other.expect_state("stopped")
    chat.expect_state("stopped")
    other.check()


def test_back_goes_on_with_the_answer(chat: Chat) -> None:
    chat.open().ask("hold back").expect_state("streaming")
    chat.page.goto("/hello")
    chat.page.go_back()
    expect(chat.answers.last).to_contain_text("Held: back.")
    chat.let_go("hold back")
    chat.expect_state("done").expect_said("hold back", "Held: back. Let go.")


def test_what_goes_on_can_be_asked_again(chat: Chat) -> None:
    chat.open().ask("hold again").expect_state("streaming")
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("Held: again.")
    chat.let_go("hold again")
    chat.expect_state("done")
    chat.button("Answer again").click()
    chat.page.wait_for_function("heard.filter(({ type }) => type == 'stream:done').length == 2")
    chat.expect_said("hold again", "Held: again. Let go.")
    assert [each["attempt"] for each in chat.asked("hold again")] == [1, 2]


def test_a_question_that_no_server_has_saved_is_still_there(chat: Chat) -> None:
    """As in the three lines, whose app saves nothing."""
    chat.page.goto("/")
    chat.open(unsaved="1").ask("hold unsaved").expect_state("streaming")
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("Held: unsaved.")
    chat.let_go("hold unsaved")
    chat.expect_state("done").expect_said("hold unsaved", "Held: unsaved. Let go.")
