"""What is in view: where the chat is the page, and where it is a box in it; on desks and phones."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.chat.chatting import Chat
from tests.own_time import part_of
from tests.resume.serving import Server

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1000, 700), "phone": (390, 664)}
BOX = "flask-chat { height: 400px }"
PLACES = ["page", "box"]
# What a page says of its chat; with a footer it is the page's end that is elsewhere.
LAYOUTS = {
    "page": "",
    "box": BOX,
    "window": "body { margin: 0 } flask-chat { height: 100dvh }",
    "at least the window": "flask-chat { min-height: 100dvh }",
    "smooth": "html { scroll-behavior: smooth }",
    "footer": "body::after { content: ''; display: block; height: 250px }",
    "long footer": "body::after { content: ''; display: block; height: 900px }",
}
in_layouts = pytest.mark.parametrize(
    ("sized", "layout"), part_of(product(SIZES, LAYOUTS), every=4), indirect=["sized"]
)
in_places = pytest.mark.parametrize(
    ("sized", "place"), part_of(product(SIZES, PLACES), every=3), indirect=["sized"]
)
END = "To the end"
NEW = "New words below"
# The last line, or the dots that stand for it, is right above the form, which is in the window.
END_IS_SEEN = """() => {
    const output = document.querySelector("[data-stream=output]");
    const form = document.querySelector("[data-chat=composer]").getBoundingClientRect();
    return output.scrollHeight - output.scrollTop - output.clientHeight <= 1
        && output.getBoundingClientRect().bottom <= form.top + 1
        && form.bottom <= innerHeight + 1
        && document.querySelector("[data-chat=end]").hidden;
}"""


@pytest.fixture(params=SIZES)
def sized(request: pytest.FixtureRequest, chat: Chat) -> Chat:
    width, height = SIZES[request.param]
    chat.page.set_viewport_size({"width": width, "height": height})
    return chat


def open_in(chat: Chat, place: str) -> Chat:
    chat.open()
    if place == "box":
        chat.dress(BOX)
    return chat


def top_of(chat: Chat, selector: str) -> float:
    """Of the last one, in what can be seen of the conversation."""
    top: float = chat.page.evaluate(
        """selector => {
            const output = document.querySelector("[data-stream=output]");
            const scrolls = output.scrollHeight > output.clientHeight;
            const all = document.querySelectorAll(selector);
            const edge = scrolls ? output.getBoundingClientRect().top : 0;
            return all[all.length - 1].getBoundingClientRect().top - edge;
        }""",
        selector,
    )
    return top


def ask_slowly(chat: Chat, number: int) -> str:
    """A question whose answer begins at once, and goes on as the test lets it."""
    question = f"slow {number} {uuid4()}"
    chat.let_go(f"{question} 0")
    chat.ask(question)
    return question


def paragraph(chat: Chat, number: int) -> Any:
    return chat.answers.last.get_by_text(f"Paragraph {number} has", exact=False)


@in_places
def test_a_long_answer_is_read_from_its_question_on(sized: Chat, place: str) -> None:
    open_in(sized, place).ask_to_the_end("long 3").ask_to_the_end("long 40")
    expect(sized.questions.last).to_be_in_viewport(ratio=0.95)  # but for a part of a pixel
    assert -1 <= top_of(sized, "[data-turn=user]") <= 40
    expect(paragraph(sized, 0)).to_be_in_viewport(ratio=1)
    expect(paragraph(sized, 39)).not_to_be_in_viewport()
    expect(sized.field).to_be_in_viewport(ratio=1)


@in_places
def test_a_long_question_leaves_its_answer_in_view(sized: Chat, place: str) -> None:
    open_in(sized, place)
    question = "\n".join(["long 30 "] * 60)
    sized.field.evaluate("(field, words) => (field.value = words)", question)
    sized.field.press("Enter")
    sized.expect_state("done")
    expect(sized.answers.last.locator("p").first).to_be_in_viewport(ratio=1)


@in_places
def test_a_short_answer_is_followed_to_its_end(sized: Chat, place: str) -> None:
    open_in(sized, place)
    for number in range(8):
        sized.ask_to_the_end(f"A short one, number {number}")
    expect(sized.answers.last).to_be_in_viewport(ratio=1)
    expect(sized.button(END)).to_have_count(0)
    expect(sized.field).to_be_in_viewport(ratio=1)


@in_places
def test_the_button_leads_to_the_end_and_the_end_is_followed(sized: Chat, place: str) -> None:
    question = f"slow 60 {uuid4()}"
    open_in(sized, place).ask(question)
    for number in range(40):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 39)).to_have_count(1)
    expect(sized.button(NEW)).to_be_in_viewport(ratio=1)
    sized.button(NEW).click()
    expect(paragraph(sized, 39)).to_be_in_viewport(ratio=1)
    expect(sized.button(NEW)).to_have_count(0)
    for number in range(40, 60):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 59)).to_be_in_viewport(ratio=1)
    sized.expect_state("done")
    expect(sized.button(END)).to_have_count(0)


@in_places
def test_a_reader_who_is_elsewhere_stays_there(sized: Chat, place: str) -> None:
    question = f"slow 30 {uuid4()}"
    open_in(sized, place).ask_to_the_end("long 30").ask(question)
    for number in range(10):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 9)).to_have_count(1)
    sized.questions.first.scroll_into_view_if_needed()
    before = top_of(sized, "[data-turn=user]:first-child")
    for number in range(10, 30):
        sized.let_go(f"{question} {number}")
    sized.expect_state("done")
    assert abs(top_of(sized, "[data-turn=user]:first-child") - before) <= 1
    expect(sized.button(NEW)).to_be_in_viewport(ratio=1)


def test_what_makes_the_form_larger_leaves_the_end_in_view(chat: Chat) -> None:
    open_in(chat, "box")
    for number in range(6):
        chat.ask_to_the_end(f"A short one, number {number}")
    chat.field.fill("\n".join("abcde"))
    expect(chat.answers.last).to_be_in_viewport(ratio=1)
    chat.field.fill("")
    chat.ask_to_the_end('tell suggestions ["One more?", "And another?"]')
    expect(chat.button("And another?")).to_be_visible()
    expect(chat.answers.last).to_be_in_viewport(ratio=1)


def test_a_keyboard_over_the_page_lifts_the_composer(browser: Browser, server: Server) -> None:
    """As on an iPhone, where the page keeps its height, and less of it can be seen.

    No browser that runs here has such a keyboard, so `visualViewport` is played.
    """
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 664}
    ) as context:
        page = context.new_page()
        page.add_init_script(
            """const fake = new EventTarget();
            Object.assign(fake, { height: 664, offsetTop: 0, scale: 1 });
            Object.defineProperty(window, "visualViewport", { value: fake });"""
        )
        chat = Chat(page).open().ask_to_the_end("long 30")
        chat.field.focus()
        page.evaluate(
            "visualViewport.height = 364, visualViewport.dispatchEvent(new Event('resize'))"
        )
        chat.expect(
            "document.querySelector('[data-chat=composer]').getBoundingClientRect().bottom <= 365"
        )
        page.evaluate(
            "visualViewport.height = 664, visualViewport.dispatchEvent(new Event('resize'))"
        )
        chat.expect(
            "document.querySelector('[data-chat=composer]').getBoundingClientRect().bottom > 600"
        )
        chat.check()


def test_a_page_with_more_than_a_chat_is_not_moved(chat: Chat) -> None:
    chat.save({"role": "user", "text": "Q"}, {"role": "assistant", "text": "word " * 2000})
    chat.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const above = document.createElement("div");
            above.style.height = "2000px";
            document.body.prepend(above);
        })"""
    )
    chat.open()
    expect(chat.answers.last).to_have_attribute("role", "article")
    assert chat.page.evaluate("scrollY") == 0


@in_layouts
def test_short_answers_are_followed_word_by_word(sized: Chat, layout: str) -> None:
    sized.open().dress(LAYOUTS[layout])
    for _ in range(5):
        question = ask_slowly(sized, 3)
        for number in range(3):
            sized.let_go(f"{question} {number}")
            expect(paragraph(sized, number)).to_have_count(1)
            sized.expect(END_IS_SEEN)
        sized.expect_state("done").expect(END_IS_SEEN)


@in_layouts
def test_who_asks_is_taken_to_his_question_before_the_first_word(sized: Chat, layout: str) -> None:
    sized.open().dress(LAYOUTS[layout])
    sized.ask_to_the_end("long 40")
    expect(sized.button(NEW)).to_be_visible()
    question = f"slow 1 {uuid4()}"
    sized.ask(question).expect_state("waiting").expect(END_IS_SEEN)
    expect(sized.questions.last).to_be_in_viewport(ratio=0.95)
    sized.let_go(f"{question} 0")
    sized.expect_state("done").expect(END_IS_SEEN)


@in_layouts
def test_who_asks_again_sees_the_answer_come(sized: Chat, layout: str) -> None:
    sized.open().dress(LAYOUTS[layout])
    sized.ask_to_the_end("long 5").ask_to_the_end("long 6")
    question = f"hold {uuid4()}"
    sized.ask(question).let_go(question)
    sized.expect_answers(3)
    sized.button("Answer again").click()
    sized.expect_answers(4).expect(END_IS_SEEN)


@in_layouts
def test_a_failure_is_seen_in_front_of_nothing(sized: Chat, layout: str) -> None:
    """It is on the form's own ground: the shade above that is for the words of the answer."""
    sized.open().dress(LAYOUTS[layout])
    sized.ask_to_the_end("long 40").ask("fail").expect_state("failed").expect(END_IS_SEEN)
    for part in (sized.status, sized.button("Retry")):
        expect(part).to_be_in_viewport(ratio=1)
        assert part.evaluate(
            """part => {
                const form = document.querySelector("[data-chat=composer]").getBoundingClientRect();
                const { top, bottom } = part.getBoundingClientRect();
                return form.top <= top && bottom <= form.bottom;
            }"""
        )


@in_places
def test_what_a_long_answer_ended_with_is_seen_below_the_way_to_its_end(
    sized: Chat, place: str
) -> None:
    open_in(sized, place)
    question = ask_slowly(sized, 60)
    for number in range(40):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 39)).to_have_count(1)
    sized.button("Stop").click()
    sized.expect_state("stopped")
    expect(sized.status).to_be_in_viewport(ratio=1)
    way, status = sized.button(NEW).bounding_box(), sized.status.bounding_box()
    assert way
    assert status
    assert way["y"] + way["height"] <= status["y"]


@in_places
def test_details_that_are_opened_are_in_view(sized: Chat, place: str) -> None:
    open_in(sized, place)
    for number in range(8):
        sized.ask_to_the_end(f"A short one, number {number}")
    sized.expect(END_IS_SEEN)
    at = sized.answers.last.locator("summary").bounding_box()
    assert at
    # Not by Playwright, which would scroll.
    sized.page.mouse.click(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    expect(sized.answers.last.locator("details p")).to_be_visible()
    sized.expect(END_IS_SEEN)


@in_layouts
def test_a_page_that_is_loaded_anew_while_it_waits_shows_so(sized: Chat, layout: str) -> None:
    sized.page.add_init_script(
        f"""addEventListener("DOMContentLoaded", () => {{
            const sheet = new CSSStyleSheet();
            sheet.replaceSync({LAYOUTS[layout]!r});
            document.adoptedStyleSheets.push(sheet);
        }})"""
    )
    sized.open()
    for number in range(8):
        sized.ask_to_the_end(f"A short one, number {number}")
    question = f"slow 1 {uuid4()}"
    sized.ask(question).expect_state("waiting").expect(END_IS_SEEN)
    sized.page.reload()
    sized.expect_state("waiting").expect(END_IS_SEEN)
    sized.let_go(f"{question} 0")
    sized.expect_state("done").expect(END_IS_SEEN)


def test_a_chat_that_is_hidden_at_first_is_shown_at_its_end(chat: Chat) -> None:
    chat.save(
        *(
            {"role": role, "text": "word " * 200}
            for _ in range(10)
            for role in ("user", "assistant")
        )
    )
    chat.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const dialog = document.createElement("dialog");
            dialog.append(document.querySelector("main"));
            document.body.append(dialog);
            const sheet = new CSSStyleSheet();
            sheet.replaceSync("flask-chat { height: 20rem }");
            document.adoptedStyleSheets.push(sheet);
        })"""
    )
    chat.page.goto("/")
    chat.expect("document.querySelectorAll('[role=article]').length === 20")
    chat.page.evaluate("document.querySelector('dialog').showModal()")
    chat.expect(END_IS_SEEN)


@in_places
def test_a_long_word_makes_the_page_no_wider(sized: Chat, place: str) -> None:
    open_in(sized, place).ask_to_the_end(f'tell title "{"x" * 200}"')
    expect(sized.page.locator("[data-chat=title]")).to_be_visible()
    sized.ask_to_the_end(f'tell suggestions ["https://example.org/{"x" * 200}"]')
    expect(sized.page.locator("[data-chat=suggestions] button")).to_be_visible()
    assert sized.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("names", ["file.txt", "file.exe"], ids=["taken", "refused"])
def test_however_many_files_there_are_the_field_stays_in_view(sized: Chat, names: str) -> None:
    sized.open(attach=".txt").ask_to_the_end("Hello")
    sized.page.locator("input[type=file]").set_input_files(
        [{"name": f"{n} {names}", "mimeType": "text/plain", "buffer": b"x"} for n in range(60)]
    )
    expect(sized.composer.get_by_text(f"59 {names}")).to_have_count(1)
    expect(sized.field).to_be_in_viewport(ratio=1)
    expect(sized.answers.last).to_be_in_viewport(ratio=1)


def test_the_pencil_stands_beside_the_middle_of_a_line(sized: Chat) -> None:
    sized.open().ask_to_the_end("One line")
    sized.questions.last.hover()
    pencil, bubble = sized.button("Edit").bounding_box(), sized.questions.last.bounding_box()
    assert pencil
    assert bubble
    assert pencil["y"] + pencil["height"] / 2 == pytest.approx(
        bubble["y"] + bubble["height"] / 2, abs=1
    )
    ring = 4  # its outline, and what is between
    assert pencil["x"] + pencil["width"] + ring < bubble["x"]
