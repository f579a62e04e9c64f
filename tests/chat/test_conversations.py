"""Several conversations: at one path, and in one page. None has what is another one's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from flask_stream import sse
from tests.chat.chatting import Chat
from tests.resume.serving import Server, serving

pytestmark = pytest.mark.browser

PUT = """async (name) => {
    const html = await (await fetch(`/part/${name}`)).text();
    const part = document.createElement("section");
    part.id = name;
    part.innerHTML = html;
    document.querySelector("main").append(part);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("chat")
    app = "tests.chat.conversations_site:app"
    with serving(folder, "memory:", workers=1, app=app) as server:
        yield server


def test_a_question_of_one_conversation_is_in_no_other_one_at_the_same_path(chat: Chat) -> None:
    chat.page.goto("/?c=one")
    chat.ask("Why?").expect_state("streaming")
    expect(chat.answers).to_have_text(["Held."])
    chat.page.goto("/?c=two")
    expect(chat.button("Send")).to_be_visible()
    chat.expect_state("idle").expect_said()
    chat.page.goto("/?c=one")
    expect(chat.answers.last).to_contain_text("Held.")
    chat.expect_said("Why?", "Held.")
    chat.page.request.post("/go")
    chat.expect_state("done")


def test_a_chat_that_asks_another_origin_asks_nothing_again(chat: Chat) -> None:
    def answer(route: Route) -> None:
        events = b"".join(
            sse.encode(*event)
            for event in [
                ("start", {"id": "1"}),
                ("text", {"text": "From afar."}),
                ("done", {"stop_reason": "stop", "text_length": 10}),
            ]
        )
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/event-stream"}
        route.fulfill(body=events, headers=headers)

    chat.page.route("https://other.example/chat", answer)
    chat.page.goto("/elsewhere")
    chat.ask_to_the_end("Why?").expect_said("Why?", "From afar.")
    expect(chat.button("Copy")).to_be_visible()
    for name in ("Answer again", "Edit"):
        expect(chat.page.get_by_role("button", name=name)).to_have_count(0)


def ask_in(page: Page, name: str) -> None:
    field = page.locator(f"#{name} textarea")
    field.fill(f"Is this {name}?")
    field.press("Enter")
    answer = page.locator(f"#{name} [data-stream=output] > [data-turn='']")
    expect(answer).to_contain_text(f"{name} answers.")


def test_chats_that_came_one_by_one_into_a_page_each_answer_for_themselves(chat: Chat) -> None:
    page = chat.page
    page.goto("/parts")
    for name in ("anna", "bert"):
        page.evaluate(PUT, name)
    for name in ("bert", "anna"):
        ask_in(page, name)
    for name in ("anna", "bert"):
        expect(page.locator(f"#{name} [data-turn]")).to_have_count(2)
