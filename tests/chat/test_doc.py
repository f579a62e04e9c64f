"""docs/chat.md: its snippets are an app, in a real gunicorn, and its users chat in Chromium."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.chat.chatting import Chat
from tests.chat.doc import DOC, PYTHON, THREE, snippets
from tests.made import Made
from tests.provider import Exchange, Provider
from tests.resume.serving import Server, serving
from tests.servers.talk import HEAD, TAIL, word

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
        exchange.send(TAIL)
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
    app = snippets("python")[0].splitlines()
    page = re.findall(r"{{ stream_chat.*}}", snippets("html")[1])
    lines = [line for line in [*app, *page] if line.strip()]
    assert len(lines) < 30
    assert "<script" not in "".join(snippets("html"))
    assert THREE.count("\n") == 1


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


def test_it_works_without_javascript(bare_page: Page) -> None:
    bare_page.goto("/sign-in/eve")
    bare_page.get_by_role("textbox").fill("Bare")
    bare_page.get_by_role("button", name="Send").click()
    expect(bare_page.locator("[data-turn]")).to_have_text(["Bare", "**Bare** 1"])
    assert bare_page.url.endswith("/chat")


def test_what_is_told_and_rated(chat: Chat) -> None:
    sign_in(chat, "flo")
    chat.page.goto("/told-page")
    chat.ask_to_the_end("Anything")
    expect(chat.page.get_by_role("heading", name="Streams and buffers")).to_be_visible()
    expect(chat.page.locator("[data-chat=suggestions] button")).to_have_text(
        ["Why does that matter?", "Show me the code"]
    )
    with chat.page.expect_response("**/rate") as response:
        chat.button("Good answer").click()
    assert response.value.ok


def test_the_script_and_the_style_of_the_page(chat: Chat) -> None:
    sign_in(chat, "gus")
    chat.page.evaluate(snippets("js")[0])
    chat.expect_state("done").expect_said("Why is the sky blue?", "Why is the sky blue? 1")
    chat.dress(snippets("css")[0])
    assert chat.page.locator("flask-chat").evaluate("e => e.offsetHeight") == 30 * 16
    assert PYTHON.count("stream.submission") == 1
    assert "pictures/chat-desktop-light.png" in DOC
