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
    other = chat.second_tab().expect_state("streaming")
    expect(other.answers.last).to_contain_text("Held: twice.")
    other.expect_said("hold twice", "Held: twice.")
    other.button("Stop").click()
    other.expect_state("stopped")
    chat.let_go("hold twice")  # the app's own code, which waits, is ended at its next word
    chat.expect_state("stopped")
    chat.expect_said("hold twice", "Held: twice.")
    other.check()


def test_a_second_tab_knows_whose_answer_goes_on(chat: Chat) -> None:
    """Where the app saves a question with its answer, and so has neither yet."""
    chat.open().ask_to_the_end("Before").ask("late question").expect_state("streaming")
    other = chat.second_tab(feedback="/rate")
    expect(other.answers.last).to_contain_text("Held: question.")
    chat.let_go("late question")
    other.expect_state("done").expect_said("Before", "You said: Before", "Held: question. Let go.")
    # What cannot be asked again there would have been the question before it.
    expect(other.page.get_by_role("button", name="Answer again")).to_have_count(1)
    with other.page.expect_response("**/rate"):
        other.button("Good answer").click()
    rated = other.seen()["rated"][-1]["submission"]
    chat.expect_state("done")
    assert rated == chat.answers.last.get_attribute("data-id")
    other.check()


def test_an_answer_that_is_saved_before_its_run_has_ended_is_there_once(chat: Chat) -> None:
    chat.open().ask("early saved").expect_state("streaming")
    other = chat.second_tab().expect_state("streaming")
    expect(other.answers.last).to_contain_text("Held: saved.")
    other.expect_said("early saved", "Held: saved.")
    chat.let_go("early saved")
    for tab in (chat, other):
        tab.expect_state("done").expect_said("early saved", "Held: saved. Let go.")
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
    chat.expect_answers(2)
    chat.expect_said("hold again", "Held: again. Let go.")
    assert [each["attempt"] for each in chat.asked("hold again")] == [1, 2]


def test_what_was_asked_at_another_address_is_not_kept_there(chat: Chat) -> None:
    """Many pages give a new conversation its own address while its first answer is written."""
    chat.open().open(unsaved="1").ask("hold address").expect_state("streaming")
    chat.page.evaluate("history.replaceState(null, '', '/conversations/1')")
    chat.let_go("hold address")
    chat.expect_state("done")
    chat.open(unsaved="1").expect_state("idle").expect_said()
    assert chat.page.evaluate("Object.keys(sessionStorage)") == []


def test_a_question_that_no_server_has_saved_is_still_there(chat: Chat) -> None:
    """As in the three lines, whose app saves nothing."""
    chat.page.goto("/")
    chat.open(unsaved="1").ask("hold unsaved").expect_state("streaming")
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("Held: unsaved.")
    chat.let_go("hold unsaved")
    chat.expect_state("done").expect_said("hold unsaved", "Held: unsaved. Let go.")


MOUNT = """turns => {
    const old = document.querySelector("flask-chat");
    const csrf = old.querySelector("[name=csrf_token]")?.value ?? old.getAttribute("csrf");
    const chat = document.createElement("flask-chat");
    chat.id = "mine";
    for (const [name, value] of Object.entries({ action: "/chat", resume: "", csrf })) {
      chat.setAttribute(name, value);
    }
    chat.append(...turns);
    old.replaceWith(chat);
}"""


def mount(chat: Chat) -> None:
    """Put another element into the chat's place, as a front end does that shows it once more."""
    chat.page.evaluate(f"({MOUNT})([])")


def test_a_chat_that_is_mounted_again_goes_on_with_question_and_answer(chat: Chat) -> None:
    chat.open()
    mount(chat)
    chat.ask("hold mounted").expect_state("streaming")
    mount(chat)
    chat.expect_state("streaming").let_go("hold mounted")
    chat.expect_state("done").expect_said("hold mounted", "Held: mounted. Let go.")
    assert len(chat.asked("hold mounted")) == 1


def test_the_question_of_a_run_that_is_gone_stays(chat: Chat) -> None:
    chat.open().page.evaluate(
        f"""() => {{
            const stream = document.createElement("flask-stream");
            stream.setAttribute("append", "");
            stream.setAttribute("resume", "/_stream/gone");
            const output = stream.appendChild(document.createElement("div"));
            output.dataset.stream = "output";
            const turn = output.appendChild(document.createElement("div"));
            turn.dataset.turn = "user";
            turn.append("Why?");
            ({MOUNT})([stream]);
        }}"""
    )
    chat.expect_state("failed")
    expect(chat.questions).to_have_text(["Why?"])
    expect(chat.field).to_have_value("")
