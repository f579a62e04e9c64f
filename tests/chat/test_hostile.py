"""Whatever a reader, a model, a server or a translator writes, a chat shows, and does not run."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.payloads import PAYLOADS
from tests.chat.chatting import Chat, chatting
from tests.chat.site import WORDS
from tests.resume.serving import Server

pytestmark = pytest.mark.browser

# All that a chat may be made of.
TAGS = {
    *("FLASK-CHAT", "FLASK-STREAM", "DIV", "P", "SPAN", "BUTTON", "FORM", "TEXTAREA", "INPUT"),
    *(
        "UL",
        "OL",
        "LI",
        "PRE",
        "CODE",
        "H1",
        "H2",
        "H3",
        "H4",
        "H5",
        "H6",
        "BLOCKQUOTE",
        "HR",
        "BR",
    ),
    *("STRONG", "EM", "DEL", "A", "BDI", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "DETAILS"),
    *("SUMMARY", "TIME", "CANVAS", "SUP", "SUB"),
}
FOUND = """(allowed) => [...document.querySelectorAll("flask-chat *")].flatMap((element) => {
    const wrong = [];
    if (!allowed.includes(element.tagName)) wrong.push(element.outerHTML);
    for (const { name, value } of element.attributes) {
        if (/^(on|srcdoc|src$|formaction)/.test(name)) wrong.push(`${name}=${value}`);
        if (name === "href" && !/^(https?:|mailto:|tel:|#)/.test(element.href)) wrong.push(value);
    }
    return wrong;
})"""


@pytest.fixture(params=["strict", "lax"])
def looks(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"lax": "1"} if request.param == "lax" else {}


@pytest.fixture
def chat(browser: Browser, server: Server) -> Iterator[Chat]:
    """A chat in whose page nothing may run, nor leave it."""
    with chatting(browser, server) as chat:
        seen = Seen(chat.page, server.url)
        yield chat
        expect_nothing(chat.page)
        assert seen.wrong == []


class Seen:
    """What must not happen."""

    def __init__(self, page: Page, url: str) -> None:
        self.wrong: list[str] = []
        page.add_init_script("window.calls = []; window.pwned = (...args) => calls.push(args)")
        page.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: self.wrong.append(popup.url))
        page.on("request", lambda each: each.url.startswith(url) or self.wrong.append(each.url))


def expect_nothing(page: Page) -> None:
    assert page.evaluate(FOUND, list(TAGS)) == []
    assert page.evaluate("[calls, document.title, document.cookie.includes('pwned')]") == [
        *([], "Chat", False)
    ]


def test_in_what_was_said_before(chat: Chat, looks: dict[str, str]) -> None:
    said = [
        turn
        for payload in PAYLOADS
        for turn in (
            {"role": "user", "text": payload, "id": as_id(payload)},
            {"role": "assistant", "text": payload, "id": as_id(payload), "model": payload},
        )
    ]
    for turn in said:
        turn["at"] = turn["text"]
    chat.save(*said).open(**looks)
    expect(chat.page.locator("[data-turn]:not([role])")).to_have_count(0)
    texts = chat.questions.evaluate_all("all => all.map((each) => each.textContent)")
    assert texts == [as_parsed(payload) for payload in PAYLOADS]


def as_id(text: str) -> str:
    """What of it the tag takes for an id."""
    return re.sub("[^!-~]", "", text)[:255]


def as_parsed(text: str) -> str:
    """As an HTML parser hands it on (HTML, "Preprocessing the input stream")."""
    text = text.encode(errors="replace").decode()
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def test_in_what_a_server_and_a_model_say(chat: Chat, looks: dict[str, str]) -> None:
    chat.open(**looks)
    for first in range(0, len(PAYLOADS), len(PAYLOADS) // 3):
        chat.ask_to_the_end(f"hostile {first}")
        expect(chat.page.locator("[data-chat=suggestions] button")).to_have_count(8)
        chat.page.locator("details").evaluate_all("all => all.forEach((it) => (it.open = true))")
        expect_nothing(chat.page)


def test_in_what_a_reader_asks(chat: Chat, looks: dict[str, str]) -> None:
    payloads = [
        each for each in PAYLOADS if each.strip() and each.split()[0] not in ("hold", "tell")
    ]
    chat.open(**looks)
    for payload in payloads[::8]:
        chat.page.evaluate("text => document.querySelector('flask-chat').ask(text)", payload)
        expect(chat.answers.last.locator("[data-chat=actions]")).to_have_count(1)
    assert chat.questions.count() == len(payloads[::8])


def test_in_the_names_of_files(chat: Chat, looks: dict[str, str]) -> None:
    chat.open(attach="image/*", **looks)
    expect(chat.button("Attach files")).to_be_visible()
    names = [each[:200] for each in PAYLOADS if "\0" not in each]
    chat.page.evaluate(
        """([names, png]) => {
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
            const type = "image/png";
            for (const name of names) data.items.add(new File([bytes], name, { type }));
            const init = { bubbles: true, cancelable: true, dataTransfer: data };
            document.querySelector("flask-chat").dispatchEvent(new DragEvent("drop", init));
        }""",
        [names, base64.b64encode(b"no picture").decode()],
    )
    expect(chat.composer.locator("[data-chat=files] li")).to_have_count(len(names))
    expect_nothing(chat.page)
    chat.ask_to_the_end("Names")
    expect(chat.output.locator("[data-chat=files] li")).to_have_count(len(names))


def test_in_the_words_of_a_translation(chat: Chat, looks: dict[str, str]) -> None:
    for number in range(0, len(PAYLOADS), len(PAYLOADS) // 12):
        chat.open(words=number, attach="image/*", feedback="/rate", **looks)
        chat.ask_to_the_end("Words")
        expect(chat.answers.last.locator("[data-chat=actions]")).to_have_count(1)
        assert chat.page.locator("[data-chat=send]").inner_text() != WORDS[0]
        expect_nothing(chat.page)
