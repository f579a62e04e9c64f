"""What can be done with a turn, by its buttons; and what the server tells beside an answer."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.chat.chatting import Chat
from tests.servers.running import until

pytestmark = pytest.mark.browser

MARKDOWN = "## A title\n\nSome **bold** words.\n\n```python\nprint(1)\n```\n"


def copied(page: Page, kind: str = "text/plain") -> str:
    text: str = page.evaluate(
        """async (kind) => {
            const [item] = await navigator.clipboard.read();
            return (await item.getType(kind)).text();
        }""",
        kind,
    )
    return text


def names(chat: Chat) -> list[str]:
    """The actions of the last answer."""
    bar = chat.answers.last.locator("[data-chat=actions]")
    return [str(name) for name in bar.locator("button").evaluate_all("b => b.map(x => x.title)")]


def test_an_answer_is_copied_as_it_is_read_and_as_markdown(chat: Chat) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.open().ask_to_the_end("markdown")
    chat.button("Copy").click()
    expect(chat.button("Copied")).to_be_visible()
    assert copied(chat.page).split() == ["A", "title", "Some", "bold", "words.", "print(1)"]
    assert "<strong>bold</strong>" in copied(chat.page, "text/html")
    chat.button("Copy as Markdown").click()
    chat.expect("navigator.clipboard.readText().then((t) => t.startsWith('##'))")
    assert copied(chat.page) == MARKDOWN


def test_what_is_copied_is_copied_without_a_clipboard_too(chat: Chat) -> None:
    chat.open().ask_to_the_end("markdown")
    chat.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    # Behind all other listeners: what is copied is what they have put there.
    chat.page.evaluate(
        """() => {
            const { addEventListener } = document;
            document.addEventListener = function (type, ...rest) {
                addEventListener.call(document, type, ...rest);
                if (type !== "copy") return;
                addEventListener.call(document, type, ({ clipboardData }) => {
                    window.put = clipboardData.getData("text/plain");
                }, { once: true });
            };
        }"""
    )
    chat.button("Copy as Markdown").click()
    expect(chat.button("Copied")).to_be_visible()
    assert chat.page.evaluate("put") == MARKDOWN


def test_another_answer_takes_the_place_of_the_first(chat: Chat) -> None:
    chat.open().ask_to_the_end("One").ask_to_the_end("Two")
    chat.button("Answer again").click()
    expect(chat.answers).to_have_count(2)
    chat.expect_answers(3)
    chat.expect_said("One", "You said: One", "Two", "You said: Two")
    assert [each["attempt"] for each in chat.asked("Two")] == [1, 2]
    chat.open().expect_said("One", "You said: One", "Two", "You said: Two")


def test_what_came_after_a_question_goes_with_its_answer(chat: Chat) -> None:
    chat.open().ask_to_the_end("First").ask_to_the_end("Second")
    chat.page.get_by_role("button", name="Answer again").first.click()
    expect(chat.answers).to_have_count(1)
    chat.expect_state("done").expect_said("First", "You said: First")
    chat.open().expect_said("First", "You said: First")


def test_until_another_answer_is_accepted_the_first_stays(chat: Chat) -> None:
    chat.page.clock.install()
    chat.open().ask_to_the_end("Kept")
    chat.page.route("**/chat", lambda route: route.abort())
    chat.button("Answer again").click()

    def has_failed() -> bool:
        chat.page.clock.run_for(10_000)  # it waits between its attempts
        return chat.element.get_attribute("data-state") == "failed"

    until(has_failed, "that it no longer tries")
    chat.expect_said("Kept", "You said: Kept")
    chat.page.unroute("**/chat")
    chat.button("Retry").click()
    chat.expect_state("done").expect_said("Kept", "You said: Kept")
    assert [each["attempt"] for each in chat.asked("Kept")] == [1, 3]


def test_another_answer_that_is_stopped_at_once_shows_what_the_server_has(chat: Chat) -> None:
    """It has most likely got the request, and dropped what came after the question."""
    chat.open().ask_to_the_end("Stopped").ask_to_the_end("And then")
    chat.page.route("**/chat", lambda route: None)  # it never answers
    chat.page.get_by_role("button", name="Answer again").first.click()
    chat.expect_state("connecting")
    expect(chat.answers.first).to_have_css("opacity", "0.5")
    chat.button("Stop").click()
    chat.expect_state("stopped").expect_said("Stopped", "")
    expect(chat.status).to_have_text("Stopped")
    expect(chat.button("Copy")).to_have_count(0)  # there is nothing
    chat.page.unroute("**/chat")
    chat.button("Answer again").click()
    chat.expect_state("done").expect_said("Stopped", "You said: Stopped")


def test_how_an_answer_ended_stays_with_it(chat: Chat) -> None:
    """The status is the next answer's."""
    chat.open().ask("fail here").expect_state("failed").ask("hold note").expect_state("streaming")
    chat.button("Stop").click()
    chat.expect_state("stopped").ask_to_the_end("Well")
    notes = chat.page.locator("[data-chat=note]")
    expect(notes).to_have_text(["It broke.", "Stopped"])
    chat.ask("fail once more").expect_state("failed")
    for number, seen in enumerate([True, True, False]):  # of the last one the status says it
        expect(notes.nth(number)).to_be_visible(visible=seen)
    buttons = chat.answers.first.locator("[data-chat=note] + [data-chat=actions]")
    expect(buttons).to_be_visible()


def test_suggestions_go_when_an_answer_is_asked_for_again(chat: Chat) -> None:
    chat.open().ask_to_the_end('tell suggestions ["Why?"]')
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_count(1)
    chat.page.route("**/chat", lambda route: None)
    chat.button("Answer again").press("Enter")
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_count(0)
    expect(chat.field).to_be_focused()  # its button has gone


def test_a_title_that_the_page_shows_itself_is_its_own(chat: Chat) -> None:
    chat.open()
    chat.page.evaluate(
        """() => document.addEventListener("stream:event", (event) => {
            if (event.detail.type === "title") event.preventDefault();
        })"""
    )
    chat.ask_to_the_end('tell title "Mine"').ask_to_the_end('tell suggestions ["Why?"]')
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_count(1)
    expect(chat.page.locator("[data-chat=title]")).to_have_count(0)


def test_the_last_of_two_quick_ratings_counts(chat: Chat) -> None:
    chat.open(feedback="/rate").ask_to_the_end("Rated twice")
    slow: list[Route] = []
    chat.page.route("**/rate", lambda route: slow.append(route))
    chat.button("Good answer").click()
    chat.expect("!!document.querySelector('[data-chat=up][aria-pressed=true]')")
    chat.button("Bad answer").click()
    until(lambda: chat.page.evaluate("1") and len(slow) == 2, "two ratings")
    with chat.page.expect_response("**/rate"):
        slow[1].fulfill(status=200, body="{}")
    with chat.page.expect_response("**/rate"):
        slow[0].fulfill(status=500)
    expect(chat.hint).to_have_text("Your rating could not be sent.")
    expect(chat.button("Bad answer")).to_have_attribute("aria-pressed", "true")


def test_a_question_is_edited_and_asked_again(chat: Chat) -> None:
    chat.open().ask_to_the_end("Worded badly").ask_to_the_end("More")
    chat.page.get_by_role("button", name="Edit").first.click()
    editor = chat.page.locator("[data-chat=editor] textarea")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("Worded badly")
    editor.fill("Worded\nwell")
    editor.press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(chat.button("Edit")).to_be_focused()
    chat.expect_state("done").expect_said("Worded\nwell", "You said: Worded\nwell")
    assert [each["attempt"] for each in chat.asked("Worded\nwell")] == [2]
    chat.open().expect_said("Worded\nwell", "You said: Worded\nwell")


@pytest.mark.parametrize("way", ["Escape", "Cancel"])
def test_an_edit_is_left(chat: Chat, way: str) -> None:
    chat.open().ask_to_the_end("As it is")
    chat.button("Edit").click()
    editor = chat.page.locator("[data-chat=editor] textarea")
    editor.fill("Otherwise")
    if way == "Escape":
        editor.press(way)
    else:
        chat.button(way).click()
    expect(editor).to_have_count(0)
    expect(chat.button("Edit")).to_be_focused()
    chat.expect_said("As it is", "You said: As it is")


def refused_edit(chat: Chat, words: str) -> Locator:
    """Ask "Good words", and then in these, which the server refuses: in this editor."""
    chat.open().ask_to_the_end("Good words")
    chat.button("Edit").click()
    editor = chat.page.locator("[data-chat=editor] textarea")
    editor.fill(words)
    editor.press("Enter")
    return editor


def test_an_edit_that_is_refused_is_still_there(chat: Chat) -> None:
    editor = refused_edit(chat, "refuse them")
    chat.expect_state("failed").expect_said("Good words", "You said: Good words")
    expect(editor).to_have_value("refuse them")


def test_an_edit_that_was_refused_and_left_is_forgotten(chat: Chat) -> None:
    editor = refused_edit(chat, "refuse these")
    chat.expect_state("failed")
    expect(editor).to_have_value("refuse these")
    chat.button("Cancel").click()
    chat.ask("refuse a new one")
    expect(chat.field).to_have_value("refuse a new one")
    chat.expect_said("Good words", "You said: Good words")
    expect(editor).to_have_count(0)


def test_an_edit_during_an_answer_waits_and_is_left_alone(chat: Chat) -> None:
    chat.open().ask_to_the_end("One").ask("hold edit").expect_state("streaming")
    chat.page.get_by_role("button", name="Edit").first.click()
    editor = chat.page.locator("[data-chat=editor] textarea")
    editor.fill("Other")
    editor.press("Enter")
    expect(chat.hint).to_contain_text("waits here as a draft")
    expect(editor).to_have_value("Other")
    editor.press("Escape")
    expect(editor).to_have_count(0)
    chat.expect_state("streaming").let_go("hold edit")
    chat.expect_state("done").expect_said(
        *("One", "You said: One"), *("hold edit", "Held: edit. Let go.")
    )


def test_nothing_is_asked_again_while_an_answer_runs(chat: Chat) -> None:
    chat.open().ask_to_the_end("Before").ask("hold meanwhile").expect_state("streaming")
    expect(chat.page.get_by_role("button", name="Answer again")).to_have_count(0)
    # As in a page without its style sheet.
    chat.page.locator("[data-chat=regenerate]").first.evaluate("button => button.click()")
    chat.let_go("hold meanwhile")
    chat.expect_state("done")
    assert chat.said() == [
        *("Before", "You said: Before"),
        *("hold meanwhile", "Held: meanwhile. Let go."),
    ]
    assert [each["attempt"] for each in chat.asked("Before")] == [1]


def test_a_rating_is_told_to_the_page_and_to_the_server(chat: Chat) -> None:
    chat.open(feedback="/rate").ask_to_the_end("Rate me")
    good, bad = chat.button("Good answer"), chat.button("Bad answer")
    with chat.page.expect_response("**/rate"):
        good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    id = chat.answers.last.get_attribute("data-id")
    assert {"submission": id, "value": "up"} in chat.seen()["rated"]
    with chat.page.expect_response("**/rate"):
        good.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    assert {"submission": id, "value": ""} in chat.seen()["rated"]
    assert chat.page.evaluate(
        "heard.filter(({ type }) => type == 'stream:rate').map(({ detail }) => detail.value)"
    ) == ["up", ""]
    # The server fails with this one.
    bad.click()
    expect(chat.hint).to_have_text("Your rating could not be sent.")
    expect(bad).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ({}, ["Copy", "Copy as Markdown", "Answer again"]),
        ({"actions": "copy rate"}, ["Copy", "Good answer", "Bad answer"]),
        ({"actions": ""}, []),
    ],
)
def test_which_actions_there_are_is_an_attribute(
    chat: Chat, looks: dict[str, str], expected: list[str]
) -> None:
    chat.open(**looks).ask_to_the_end("Which?")
    expect(chat.answers.last.locator("[data-chat=about]")).to_have_count(1)
    assert names(chat) == expected


def test_an_answer_says_its_model_and_its_date(chat: Chat) -> None:
    chat.open().ask_to_the_end("Who?")
    chat.answers.last.locator("summary").click()
    expect(chat.answers.last.locator("[data-chat=about] p")).to_contain_text("test-1 · ")


def test_suggestions_are_asked_at_a_click(chat: Chat) -> None:
    chat.open(suggest=["First?", "Second?"])
    chat.field.fill("A draft")
    chat.button("Second?").click()
    chat.expect_state("done").expect_said("Second?", "You said: Second?")
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_count(0)
    expect(chat.field).to_have_value("A draft")


def test_suggestions_come_with_an_answer(chat: Chat) -> None:
    chat.open().ask_to_the_end(f"tell suggestions {json.dumps(['More?', 7, '', 'Less?'])}")
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_text(["More?", "Less?"])
    chat.button("Less?").click()
    expect(chat.questions).to_have_count(2)
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_count(0)
    chat.expect_state("done")


def test_a_title_comes_with_an_answer(chat: Chat) -> None:
    chat.open().ask_to_the_end(f"tell title {json.dumps('A <b>title</b>')}")
    expect(chat.page.get_by_role("heading", name="A <b>title</b>")).to_be_visible()
    chat.ask_to_the_end(f"tell title {json.dumps(['no', 'string'])}")
    expect(chat.page.locator("[data-chat=title]")).to_have_text("A <b>title</b>")


def test_a_title_is_put_where_the_page_has_a_place_for_it(chat: Chat) -> None:
    chat.open()
    chat.page.evaluate(
        """() => {
            document.querySelector("title").dataset.chat = "title";
            const place = document.body.appendChild(document.createElement("p"));
            place.dataset.chat = "title";
        }"""
    )
    chat.ask_to_the_end(f"tell title {json.dumps('A title')}")
    expect(chat.page).to_have_title("A title")
    expect(chat.page.locator("body > p[data-chat=title]")).to_have_text("A title")
    expect(chat.page.locator("h2[data-chat=title]")).to_have_count(0)


def test_sources_are_below_the_answer(chat: Chat) -> None:
    chat.open().ask_to_the_end("cite The page")
    expect(chat.answers.last.get_by_role("link", name="The page")).to_be_visible()
    children = chat.answers.last.evaluate("turn => [...turn.children].map((it) => it.tagName)")
    assert children == ["DIV", "UL", "DIV"]
