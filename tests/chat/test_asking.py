"""A question on its way: sent, answered, refused, and given back."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.chat.chatting import Chat

pytestmark = pytest.mark.browser


def test_a_question_and_its_answer_are_in_the_page(chat: Chat) -> None:
    chat.open().ask_to_the_end("Why?").expect_said("Why?", "You said: Why?")
    expect(chat.field).to_have_value("")
    expect(chat.field).to_be_focused()
    chat.ask_to_the_end("And?").expect_said("Why?", "You said: Why?", "And?", "You said: And?")
    assert [each["attempt"] for each in chat.asked("Why?")] == [1]


def test_the_button_sends_too(chat: Chat) -> None:
    chat.open().field.fill("By hand")
    chat.button("Send").click()
    chat.expect_state("done").expect_said("By hand", "You said: By hand")


def test_shift_and_enter_breaks_a_line(chat: Chat) -> None:
    field = chat.open().field
    field.press_sequentially("One")
    field.press("Shift+Enter")
    field.press_sequentially("Two")
    field.press("Enter")
    chat.expect_state("done").expect_said("One\nTwo", "You said: One\nTwo")


def test_enter_that_ends_a_composition_sends_nothing(chat: Chat) -> None:
    chat.open().field.fill("にほん")
    for init in ({"isComposing": True}, {"keyCode": 229}):
        event = {"key": "Enter", "bubbles": True, "cancelable": True, **init}
        prevented = chat.field.evaluate(
            "(field, init) => !field.dispatchEvent(new KeyboardEvent('keydown', init))", event
        )
        assert not prevented
    expect(chat.field).to_have_value("にほん")
    chat.expect_state("idle")


def test_nothing_is_asked_with_blanks(chat: Chat) -> None:
    chat.open().ask("   ")
    chat.expect_state("idle").expect_said()


def test_the_field_grows_with_what_is_typed(chat: Chat) -> None:
    def height() -> float:
        box = chat.field.bounding_box()
        assert box is not None
        return box["height"]

    chat.open()
    empty = height()
    chat.field.fill("\n".join("abcd"))
    assert height() > 2 * empty
    chat.ask_to_the_end("short")
    assert height() == empty


def test_stop_is_in_the_place_of_send(chat: Chat) -> None:
    def place(name: str) -> tuple[float, float, float]:
        """In the composer, which goes down as the answer comes."""
        button, composer = chat.button(name).bounding_box(), chat.composer.bounding_box()
        assert button is not None
        assert composer is not None
        below = composer["y"] + composer["height"] - button["y"]
        return button["x"], button["width"], below

    chat.open()
    expect(chat.button("Send")).to_be_visible()
    send = place("Send")
    chat.ask("hold stopping").expect_state("streaming")
    expect(chat.button("Send")).to_be_hidden()
    assert place("Stop") == send
    chat.button("Stop").click()
    chat.expect_state("stopped").expect_said("hold stopping", "Held: stopping.")
    expect(chat.field).to_be_focused()
    expect(chat.button("Send")).to_be_visible()


def test_a_question_during_an_answer_waits_as_a_draft(chat: Chat) -> None:
    chat.open().ask("hold the first").expect_state("streaming")
    chat.ask("The second")
    expect(chat.hint).to_have_text(
        "Your question waits here as a draft until the answer has ended."
    )
    expect(chat.field).to_have_value("The second")
    chat.let_go("hold the first")
    chat.expect_state("done")
    expect(chat.hint).to_be_empty()
    expect(chat.field).to_have_value("The second")
    chat.field.press("Enter")
    chat.expect_state("done")
    assert chat.said()[2:] == ["The second", "You said: The second"]


def test_what_is_refused_is_given_back(chat: Chat) -> None:
    chat.open().ask_to_the_end("First").ask("refuse this")
    chat.expect_state("failed").expect_said("First", "You said: First")
    expect(chat.status).to_have_text("That question is too long.")
    expect(chat.field).to_have_value("refuse this")
    expect(chat.button("Retry")).to_be_hidden()


def test_what_is_refused_first_leaves_an_empty_chat(chat: Chat) -> None:
    chat.open(suggest="Why?").ask("refuse all").expect_state("failed").expect_said()
    expect(chat.page.locator("flask-chat")).to_have_attribute("data-empty", "")


def test_retry_sends_what_was_given_back(chat: Chat) -> None:
    chat.open().ask("busy once").expect_state("failed")
    expect(chat.field).to_have_value("busy once")
    chat.button("Retry").click()
    chat.expect_state("done").expect_said("busy once", "You said: busy once")
    expect(chat.field).to_have_value("")
    assert [each["attempt"] for each in chat.asked("busy once")] == [1, 2]


def test_a_draft_is_not_lost_to_what_is_given_back(chat: Chat) -> None:
    chat.open()
    # The next request waits until there is a draft.
    chat.page.route("**/chat", lambda route: (chat.field.fill("A draft"), route.continue_()))
    chat.ask("refuse that").expect_state("failed")
    expect(chat.field).to_have_value("A draft")
    chat.expect_said("refuse that")


def test_an_answer_that_fails_keeps_its_words_and_its_question(chat: Chat) -> None:
    chat.open().ask("fail now").expect_state("failed").expect_said("fail now", "Some words")
    expect(chat.status).to_have_text("It broke.")
    expect(chat.field).to_have_value("")
    chat.button("Retry").click()
    expect(chat.status).to_have_text("It broke.")
    chat.expect_said("fail now", "Some words")
    assert [each["attempt"] for each in chat.asked("fail now")][:2] == [1, 2]


@pytest.mark.parametrize("name", ["Send", "Why?"])
def test_one_goes_on_typing_after_a_button_has_sent(chat: Chat, name: str) -> None:
    chat.open(suggest="Why?").field.fill("By keyboard" if name == "Send" else "")
    chat.button(name).focus()
    chat.page.keyboard.press("Enter")
    chat.expect_state("done")
    expect(chat.field).to_be_focused()


def test_what_a_page_asks_while_an_answer_runs_waits_as_a_draft(chat: Chat) -> None:
    chat.open().ask("hold the page").expect_state("streaming")
    chat.page.evaluate("document.querySelector('flask-chat').ask('From a script, too')")
    expect(chat.field).to_have_value("From a script, too")
    expect(chat.hint).not_to_be_empty()
    chat.let_go("hold the page")
    chat.expect_state("done")


def test_what_a_page_asks_is_not_lost_in_silence(chat: Chat) -> None:
    chat.open()
    ask = "words => document.querySelector('flask-chat').ask(words)"
    assert chat.page.evaluate(ask, " ") is False
    chat.ask("hold a page").expect_state("streaming")
    chat.field.fill("A draft")
    assert chat.page.evaluate(ask, "No room") is False
    expect(chat.hint).to_contain_text("waits here as a draft")
    expect(chat.field).to_have_value("A draft")
    chat.let_go("hold a page")
    chat.expect_state("done")
    chat.field.fill("")
    assert chat.page.evaluate(ask, "Now") is True
    chat.expect_answers(2)
    assert [each for each in chat.said() if each.startswith(("No", " "))] == ["Now"]


def test_a_suggestion_during_an_answer_waits_in_the_field(chat: Chat) -> None:
    chat.open(suggest=["Why?"]).ask("hold pills").expect_state("streaming")
    chat.page.evaluate(
        """() => {
            const button = document.createElement("button");
            const words = "Why then?";
            button.formNoValidate = true;
            Object.assign(button, { name: "question", value: words, textContent: words });
            document.querySelector("[data-chat=suggestions]").append(button);
        }"""
    )
    chat.button("Why then?").click()
    expect(chat.hint).to_contain_text("waits here as a draft")
    expect(chat.field).to_have_value("Why then?")
    chat.let_go("hold pills")
    chat.expect_state("done")


FORM = """([id, fields]) => {
    const old = document.querySelector("flask-chat");
    const token = old.querySelector("[name=csrf_token]").value;
    const chat = document.createElement("flask-chat");
    const form = chat.appendChild(document.createElement("form"));
    for (const [name, value] of Object.entries({ id, method: "post", action: "/chat" })) {
        form.setAttribute(name, value);
    }
    for (const [name, value] of Object.entries({ csrf_token: token, ...fields })) {
        const input = form.appendChild(document.createElement("input"));
        Object.assign(input, { type: "hidden", name, value });
    }
    old.after(chat);
}"""


def test_a_form_s_fields_may_be_named_as_its_properties(chat: Chat) -> None:
    fields = {"id": "1", "dataset": "2", "action": "3", "isConnected": "4"}
    chat.open().page.evaluate(FORM, ["mine", fields])
    chat.page.locator("flask-chat").first.evaluate("chat => chat.remove()")
    chat.ask_to_the_end("Odd fields").expect_said("Odd fields", "You said: Odd fields")


def test_a_chat_that_is_put_beside_another_one_of_its_id_is_its_own(chat: Chat) -> None:
    """As of a fragment that a page fetches."""
    chat.open().page.evaluate(FORM, [chat.composer.get_attribute("id"), {}])
    first, second = chat.page.locator("flask-chat").all()
    second.locator("textarea").fill("In the second")
    second.locator("textarea").press("Enter")
    expect(second.locator("[data-turn]")).to_have_count(2)
    expect(first.locator("[data-turn]")).to_have_count(0)
    chat.expect_answers(1)


def test_suggestions_are_there_again_after_a_refusal(chat: Chat) -> None:
    chat.open(suggest=["Why?", "How?"]).ask("refuse all").expect_state("failed")
    expect(chat.field).to_have_value("refuse all")
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_text(["Why?", "How?"])


def test_words_are_only_for_what_is_read(chat: Chat) -> None:
    """A page's words may be for anything: for an error whose code is "question", say."""
    words = dict.fromkeys(["question", "auto", "send", "1", "text", "button"], "otherwise")
    chat.open(say=json.dumps({**words, "Ask something": "Frag etwas"}))
    expect(chat.field).to_have_attribute("placeholder", "Frag etwas")
    chat.ask_to_the_end("Named").expect_said("Named", "You said: Named")


def test_a_page_can_ask_by_itself(chat: Chat) -> None:
    chat.open().page.evaluate("document.querySelector('flask-chat').ask('From a script')")
    chat.expect_state("done").expect_said("From a script", "You said: From a script")


def test_a_page_hears_of_each_request_before_it_leaves(chat: Chat) -> None:
    chat.open().page.evaluate(
        """addEventListener("stream:start", ({ detail }) => {
            const { request, body, submission, attempt } = detail;
            request.headers.set("X-Told", "yes");
            window.told = [request.method, body.get("question"), !!submission, attempt];
        })"""
    )
    with chat.page.expect_request("**/chat") as request:
        chat.ask("Told")
    assert request.value.headers["x-told"] == "yes"
    assert chat.page.evaluate("told") == ["POST", "Told", True, 1]
