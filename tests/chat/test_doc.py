"""docs/chat.md: its snippets are an app, in a real gunicorn, and its users chat in Chromium."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from flask_stream import sse
from tests.chat.chatting import Chat
from tests.chat.doc import APP, DOC, PAGE, TAG, snippets
from tests.made import Made
from tests.provider import Exchange, Provider
from tests.resume.serving import Server, serving
from tests.servers.talk import ANTHROPIC

HEAD, TAIL, word = ANTHROPIC.head, ANTHROPIC.tail, ANTHROPIC.word

pytestmark = pytest.mark.browser


class Model:
    """Says what it was asked, and how many turns there are; "hold" waits to be let go."""

    def __init__(self) -> None:
        self.gates: Made[threading.Event] = Made(threading.Event)
        self.asked: list[list[dict[str, str]]] = []

    def __call__(self, exchange: Exchange) -> None:
        messages = exchange.body["messages"]
        self.asked.append(messages)
        question = messages[-1]["content"]
        exchange.start()
        exchange.send(HEAD + word(f"**{question}** {len(messages)}"))
        if question.startswith("hold"):
            assert self.gates[question].wait(60)
            exchange.send(word(" let go"))
        if question.startswith("cut"):
            exchange.cut()
            return
        exchange.send(TAIL.replace(b"end_turn", b"max_tokens") if question == "long" else TAIL)
        exchange.end()


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def server(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("doc")
    url = f"sqlite:///{folder / 'runs.sqlite3'}"
    with Provider() as provider:
        provider.run(model)
        app = "tests.chat.doc_site:app"
        # Loaded once, and the tables made by one.
        started = serving(
            folder, url, workers=2, app=app, provider=provider.base, arguments=["--preload"]
        )
        with started as server:
            yield server


def sign_in(chat: Chat, name: str) -> Chat:
    chat.page.goto(f"/sign-in/{name}")
    expect(chat.button("Send")).to_be_visible()
    return chat


def test_a_saved_chat_takes_less_than_thirty_lines_and_no_javascript() -> None:
    assert not re.search("^ *(import|from) ", APP, re.MULTILINE)
    page = re.findall(r"{{ stream_chat.*}}", PAGE)
    lines = [line for line in [*APP.splitlines(), *page] if line.strip()]
    assert len(page) == 1
    assert len(lines) < 30
    assert "<script" not in TAG + PAGE
    assert TAG.count("\n") == 1


def test_the_tag_alone_is_a_chat(chat: Chat) -> None:
    sign_in(chat, "ira").page.goto("/page/tag")
    chat.ask_to_the_end("Just so").expect_said("Just so", "Just so 1")


def test_markup_of_your_own_has_the_saved_turns(chat: Chat) -> None:
    sign_in(chat, "jo").ask_to_the_end("Before")
    chat.page.goto("/page/own")
    expect(chat.answers.locator("strong")).to_have_text("Before")
    chat.ask_to_the_end("After").expect_said("Before", "Before 1", "After", "After 3")


def test_the_element_alone_is_a_chat_with_its_script(chat: Chat) -> None:
    sign_in(chat, "kim").page.goto("/page/bare")
    chat.ask_to_the_end("Alone").expect_said("Alone", "Alone 1")


def test_it_is_saved_and_each_user_has_his_own(chat: Chat, model: Model) -> None:
    sign_in(chat, "ada").ask_to_the_end("First").expect_said("First", "First 1")
    chat.ask_to_the_end("Second")
    assert model.asked[-1] == [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "**First** 1"},
        {"role": "user", "content": "Second"},
    ]
    said = ["First", "First 1", "Second", "Second 3"]
    chat.page.reload()
    expect(chat.answers.last.locator("strong")).to_have_text("Second")
    chat.expect_said(*said)
    sign_in(chat, "bob").expect_said()
    sign_in(chat, "ada")
    expect(chat.answers.last.locator("strong")).to_have_text("Second")
    chat.expect_said(*said)


def test_a_reload_and_a_second_tab_go_on(chat: Chat, model: Model) -> None:
    sign_in(chat, "cleo").ask("hold on").expect_state("streaming")
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("hold on 1")
    other = Chat(chat.page.context.new_page())
    other.page.goto("/chat")
    expect(other.answers.last).to_contain_text("hold on 1")
    model.gates["hold on"].set()
    for tab in (chat, other):
        tab.expect_state("done").expect_said("hold on", "hold on 1 let go")
    other.check()


def test_what_is_asked_again_is_saved_once(chat: Chat) -> None:
    sign_in(chat, "dora").ask_to_the_end("One").ask_to_the_end("Two")
    chat.page.get_by_role("button", name="Edit").first.click()
    editor = chat.page.locator("[data-chat=editor] textarea")
    editor.fill("Other")
    editor.press("Enter")
    expect(chat.answers).to_have_count(1)
    chat.expect_state("done").expect_said("Other", "Other 1")
    chat.page.reload()
    expect(chat.answers.last.locator("strong")).to_have_text("Other")
    chat.expect_said("Other", "Other 1")


@pytest.mark.parametrize(
    ("question", "note"),
    [
        ("hold and stop", "Partial: stopped."),
        ("cut off", "Partial: failed."),
        ("long", "Partial: length."),
    ],
)
def test_a_reload_says_that_an_answer_is_not_whole(
    chat: Chat, model: Model, question: str, note: str
) -> None:
    sign_in(chat, f"not-whole-{question[:3]}").ask(question)
    expect(chat.answers.last).to_contain_text(f"{question} 1")
    if question.startswith("hold"):
        chat.button("Stop").click()
    chat.expect_state({"hold": "stopped", "cut ": "failed", "long": "done"}[question[:4]])
    model.gates[question].set()
    chat.page.reload()
    expect(chat.answers.locator("[data-chat=note]")).to_have_text(note)
    chat.expect_said(question, f"{question} 1")
    chat.ask_to_the_end("And whole?").page.reload()
    expect(chat.answers).to_have_count(2)
    expect(chat.page.locator("[data-chat=note]")).to_have_count(1)


# Asks as the client does, and reads the answer, or only until there is a part of it.
ASK = """async ([question, attempt, part]) => {
    const csrf_token = document.querySelector("[name=csrf_token]").value;
    const response = await fetch("/chat", {
      method: "POST",
      body: new URLSearchParams({ question, csrf_token }),
      headers: {
        "Accept": "text/event-stream",
        "Flask-Stream-Submission": "the-question",
        "Flask-Stream-Attempt": attempt,
      },
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!part || !text.includes(part)) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
    await reader.cancel();
    return text;
}"""


def test_the_run_of_an_attempt_before_saves_nothing_any_more(chat: Chat, model: Model) -> None:
    page = sign_in(chat, "lea").page
    before = page.evaluate(ASK, ["hold old", "1", "hold old"])  # and its connection is lost
    rows = page.request.get("/turns").json()
    page.evaluate(ASK, ["New", "2", ""])
    model.gates["hold old"].set()
    [start, *_] = sse.decode([before.encode()])
    end = page.request.get(json.loads(start.data)["url"]).text()
    assert "let go" in end
    assert "event: done" in end
    page.reload()
    chat.expect_said("New", "New 1")
    # SQLite has given the numbers again of the rows that were dropped.
    numbers = [number for number, *_ in rows]
    assert [row[0] for row in page.request.get("/turns").json()] == numbers


def test_it_works_without_javascript(bare_page: Page) -> None:
    bare_page.goto("/sign-in/eve")
    bare_page.get_by_role("textbox").fill("Bare")
    bare_page.get_by_role("button", name="Send").click()
    expect(bare_page.locator("[data-turn]")).to_have_text(["Bare", "**Bare** 1"])
    assert bare_page.url.endswith("/chat")


def test_what_is_told_and_rated(chat: Chat) -> None:
    sign_in(chat, "flo")
    chat.page.goto("/page/told")
    chat.ask_to_the_end("Anything")
    expect(chat.page.get_by_role("heading", name="Streams and buffers")).to_be_visible()
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_text(
        ["Why does that matter?", "Show me the code"]
    )
    with chat.page.expect_response("**/rate") as response:
        chat.button("Good answer").click()
    assert response.value.ok


def test_a_rating_that_is_sent_nowhere_is_an_event(chat: Chat) -> None:
    page = sign_in(chat, "max").page
    page.goto("/page/bare")
    page.evaluate(
        """() => {
            const rated = document.createElement("flask-chat");
            rated.setAttribute("action", "/chat");
            rated.setAttribute("actions", "rate");
            document.querySelector("flask-chat").replaceWith(rated);
        }"""
    )
    chat.ask_to_the_end("Anything").button("Good answer").click()
    expect(chat.button("Good answer")).to_have_attribute("aria-pressed", "true")
    chat.expect("heard.some(({ type }) => type === 'stream:rate')")


def test_what_is_told_has_its_bounds(chat: Chat) -> None:
    sign_in(chat, "hal")
    chat.ask_to_the_end("Anything")
    chat.page.evaluate(
        """([title, suggestions]) => {
            const stream = document.querySelector("flask-stream");
            for (const [type, data] of [["title", title], ["suggestions", suggestions]]) {
              const detail = { type, data };
              stream.dispatchEvent(new CustomEvent("stream:event", { bubbles: true, detail }));
            }
        }""",
        ["x" * 201, ["y" * 301] * 9],
    )
    suggestions = chat.page.locator("[data-chat=suggestions] button")
    expect(suggestions).to_have_text(["y" * 300] * 8)
    expect(chat.page.locator("[data-chat=title]")).to_have_text("x" * 200)


def test_without_javascript_a_file_that_was_not_chosen_has_no_name(bare_page: Page) -> None:
    bare_page.goto("/sign-in/ina")
    bare_page.goto("/page/files")
    bare_page.get_by_role("textbox").fill("No file")
    bare_page.get_by_role("button", name="Send").click()
    assert bare_page.locator("body").inner_text() == "['']"


def test_the_script_of_the_page(chat: Chat) -> None:
    sign_in(chat, "gus")
    chat.page.evaluate(snippets("js")[0])
    chat.expect_state("done").expect_said("Why is the sky blue?", "Why is the sky blue? 1")
    assert {*re.findall(r"^```(\w+)$", DOC, re.MULTILINE)} == {"python", "html", "js"}
    assert "pictures/chat-desktop-light.png" in DOC
