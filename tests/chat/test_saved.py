"""What was said before: written by the server, drawn by the client, and asked again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.chat.chatting import Chat

pytestmark = pytest.mark.browser

ANSWER = "Some **bold** words.\n\n- one\n- two\n"


def turns(number: int, answer: str = ANSWER) -> list[dict[str, Any]]:
    return [
        turn
        for each in range(number)
        for turn in (
            {"role": "user", "text": f"Question {each}\n<b>?</b>", "id": f"id-{each}"},
            {"role": "assistant", "text": answer, "id": f"id-{each}", "model": "old-1"},
        )
    ]


def test_saved_turns_are_drawn_as_those_that_come(chat: Chat) -> None:
    chat.save(*turns(1)).open()
    expect(chat.answers.last.locator("strong")).to_have_text("bold")
    expect(chat.answers.last.locator("li")).to_have_text(["one", "two"])
    expect(chat.questions).to_have_text("Question 0\n<b>?</b>")
    saved = chat.answers.first.locator("[data-chat=actions]").inner_text()
    chat.ask_to_the_end("markdown")
    expect(chat.answers.last.locator("[data-chat=actions]")).to_have_text(
        saved, use_inner_text=True
    )


def test_a_saved_answer_is_copied_as_it_was_written(chat: Chat) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.save(*turns(1)).open()
    chat.button("Copy as Markdown").click()
    chat.expect("navigator.clipboard.readText().then((t) => t.includes('**'))")
    assert chat.page.evaluate("navigator.clipboard.readText()") == ANSWER


def test_a_renderer_of_the_page_that_fails_costs_one_turn_its_looks(chat: Chat) -> None:
    chat.save(*turns(1, "first"), *turns(1, "boom"), *turns(1, "last"))
    chat.page.add_init_script("""document.addEventListener("DOMContentLoaded", () => {
      document.querySelector("flask-stream").options = { renderer: (part) => ({
        write(text) { if (text === "boom") throw Error(text); part.append("drawn: " + text); },
        end() {},
      }) };
    })""")
    chat.open()
    expect(chat.answers.locator("[data-part=text]")).to_have_text(
        ["drawn: first", "boom", "drawn: last"]
    )
    expect(chat.page.get_by_role("button", name="Copy", exact=True)).to_have_count(3)
    assert chat.failures() == ["boom"]


def test_without_the_file_for_markdown_a_saved_chat_is_text(chat: Chat) -> None:
    chat.page.route("**/flask-stream-markdown.js", lambda route: route.abort())
    chat.save(*turns(1)).open()
    expect(chat.answers.locator("[data-part=text]")).to_have_text(ANSWER)
    expect(chat.button("Answer again")).to_be_visible()
    assert all("Failed to fetch" in failure for failure in chat.failures())


def test_a_saved_question_is_asked_again(chat: Chat) -> None:
    chat.save(*turns(2)).open()
    chat.page.get_by_role("button", name="Answer again").first.click()
    expect(chat.answers).to_have_count(1)
    question = "Question 0\n<b>?</b>"
    chat.expect_state("done").expect_said(question, f"You said: {question}")
    assert chat.asked(question)[-1]["attempt"] == 2


def test_what_has_no_id_cannot_be_asked_again(chat: Chat) -> None:
    chat.save({"role": "user", "text": "Who?"}, {"role": "assistant", "text": "Me."}).open()
    expect(chat.button("Copy")).to_be_visible()
    expect(chat.button("Answer again")).to_have_count(0)
    expect(chat.button("Edit")).to_have_count(0)


def test_what_stands_below_a_saved_turn_stays_there(chat: Chat) -> None:
    chat.save(
        {"role": "user", "text": "Read it", "id": "a", "files": ["paper.pdf"]},
        {
            "role": "assistant",
            "text": ANSWER,
            "id": "a",
            "note": "It was cut off.",
            "rating": "down",
            "sources": [{"url": "https://example.org/", "title": "A source"}],
        },
    ).open(feedback="/rate")
    expect(chat.answers.locator("strong")).to_have_text("bold")
    expect(chat.questions).to_have_text("Read it")
    expect(chat.output.locator("[data-turn=user] > [data-chat=files]")).to_have_text("paper.pdf")
    answer = chat.answers.first
    expect(answer.locator("> [data-chat=note]")).to_have_text("It was cut off.")
    expect(answer.get_by_role("link", name="A source")).to_be_visible()
    expect(chat.button("Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(chat.button("Good answer")).to_have_attribute("aria-pressed", "false")
    chat.button("Answer again").click()
    chat.expect_state("done").expect_said("Read it", "You said: Read it")


LONG = ANSWER + "More words follow. " * 40
ALL_DRAWN = "() => !document.querySelector('[data-turn]:not([role])')"
END_DRAWN = "() => [...document.querySelectorAll('[data-turn]')].at(-2).matches('[role]')"


def test_a_long_conversation_opens_at_its_end_and_is_drawn_in_time(chat: Chat) -> None:
    chat.save(*turns(250, LONG)).open().expect(END_DRAWN)
    expect(chat.questions.last).to_be_in_viewport()
    chat.expect(ALL_DRAWN)  # what is far from view comes later
    expect(chat.answers.first.locator("strong")).to_have_text("bold")
    expect(chat.questions.last).to_be_in_viewport()


# No time is ever left, and nothing is waited for.
NEVER_IDLE = """window.waits = [];
window.requestIdleCallback = (go, { timeout }) => {
    waits.push(timeout);
    setTimeout(() => go({ didTimeout: true, timeRemaining: () => 0 }), 0);
}"""


def waits_until_drawn(chat: Chat, questions: int) -> list[int]:
    """With so many more of them saved: the milliseconds of each wait, where no time is idle."""
    chat.page.add_init_script(NEVER_IDLE)
    chat.save(*turns(questions, LONG)).open().expect(ALL_DRAWN)
    expect(chat.questions.last).to_be_in_viewport()
    chat.check()
    waits: list[int] = chat.page.evaluate("waits")
    return waits


def test_a_page_that_is_never_idle_is_drawn_in_parts_that_grow(chat: Chat) -> None:
    """Each part moves the whole page: equal ones would cost the square of its length."""
    few = waits_until_drawn(chat, 50)
    many = waits_until_drawn(chat.second_tab(), 150)  # the same reader: 200 in all
    assert set(few) == {200}
    assert len(many) < 3 * len(few)


def test_a_box_opens_at_the_end_of_what_is_in_it(chat: Chat) -> None:
    chat.page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
            document.querySelector("flask-chat").style.height = "400px";
        });"""
    )
    chat.save(*turns(6, ANSWER + "More words follow. " * 20)).open()
    expect(chat.answers.first).to_have_attribute("role", "article")
    expect(chat.answers.last.locator("[data-chat=actions]")).to_be_in_viewport(ratio=1)
    assert chat.page.evaluate("scrollY") == 0


MOST = "word " * 20_000  # characters of which the server and the client say the same
BIDI = {"plaintext": MOST, "isolate": MOST + "!"}


@pytest.mark.parametrize("bidi", BIDI)
def test_a_question_without_end_costs_no_more_than_its_length(chat: Chat, bidi: str) -> None:
    """Chromium looks for the direction of each paragraph in the square of its length."""
    question = {"role": "user", "text": BIDI[bidi], "id": "a"}
    chat.save(question, {**question, "files": ["paper.pdf"]}).open().expect(ALL_DRAWN)
    chat.ask(BIDI[bidi])
    expect(chat.questions).to_have_count(3)
    for words in chat.questions.all():
        expect(words).to_have_css("unicode-bidi", bidi)


@pytest.mark.parametrize("bidi", BIDI)
def test_a_question_without_end_costs_no_more_before_it_is_drawn(
    bare_page: Page, bidi: str
) -> None:
    question = {"role": "user", "text": BIDI[bidi], "id": "a"}
    bare_page.goto("/")  # a session
    bare_page.request.post("/save", data=[question, {**question, "files": ["paper.pdf"]}])
    bare_page.goto("/")
    plain, with_file = bare_page.locator("[data-turn=user]").all()
    expect(plain).to_have_css("unicode-bidi", bidi)
    expect(with_file.locator("[data-part=text]")).to_have_css("unicode-bidi", bidi)


def test_what_is_scrolled_to_is_drawn(chat: Chat) -> None:
    chat.save(*turns(100, LONG))
    # There is no idle time.
    chat.page.add_init_script("window.requestIdleCallback = () => {}")
    chat.open().expect(END_DRAWN)
    expect(chat.questions.last).to_be_in_viewport()
    assert chat.answers.first.locator("strong").count() == 0
    chat.answers.first.scroll_into_view_if_needed()
    chat.expect("() => document.querySelector(\"[data-turn='']\").matches('[role]')")
    expect(chat.answers.first.locator("strong")).to_be_visible()
    assert chat.page.locator("[data-turn]:not([role])").count() > 100


def test_without_javascript_it_is_a_form_and_text(bare_page: Page) -> None:
    bare_page.goto("/?suggest=Why%3F")
    bare_page.get_by_role("textbox").fill("Without a script")
    bare_page.get_by_role("button", name="Send").click()
    expect(bare_page.get_by_text("You said: Without a script")).to_be_visible()
    bare_page.goto("/")
    expect(bare_page.locator("[data-turn]")).to_have_text(
        ["Without a script", "You said: Without a script"]
    )


def test_a_suggestion_is_asked_without_javascript(bare_page: Page) -> None:
    bare_page.goto("/?suggest=Why%3F")
    bare_page.get_by_role("button", name="Why?").click()
    expect(bare_page.get_by_text("You said: Why?")).to_be_visible()
