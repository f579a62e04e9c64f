"""All that the client says is among its words: a page that replaces each of them shows no other.

What the page, its server and its model say here has no letters. So whatever letter is seen outside
of the marks that stand around the client's words is one that no language reaches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site, frame
from tests.browser.on_page import CUT_OFF, element, expect_state, status
from tests.browser.on_words import chat, open_page, words_of

pytestmark = pytest.mark.browser

KEYS = list(words_of("de"))
MARKED = {key: f"⟦{key}⟧" for key in KEYS}
FORM = (
    "<form id=ask method=post action='/chat'><input name=q value=1 aria-label=1><button>+</button>"
    "</form><flask-stream form=ask render=markdown></flask-stream>"
)
MARKDOWN = "1\n\n```7\n2\n```\n\n|3|4|\n|-|-|\n|5|6|\n\n- [x] 7\n- [ ] 8\n"

# All that is seen or heard below an element: the text, each label, and what CSS writes beside it.
LOOK = r"""root => {
  const texts = [root.innerText];
  for (const { innerText } of root.querySelectorAll("time")) {
    texts[0] = texts[0].replaceAll(innerText, "");
  }
  for (const each of [root, ...root.querySelectorAll("*")]) {
    const names = ["title", "aria-label", "aria-description", "placeholder", "alt", "data-wait"];
    for (const name of names) texts.push(each.getAttribute(name) ?? "");
    if (each.matches("button, summary")) texts.push(each.textContent);
    for (const pseudo of ["::before", "::after"]) {
      const { content } = getComputedStyle(each, pseudo);
      if (/^"/.test(content)) texts.push(content.replace(/attr\([\w-]+\)|\\[0-9a-f]+/g, ""));
    }
  }
  return texts.filter(Boolean);
}"""


class Looks:
    """What was seen of the client's words so far."""

    def __init__(self, page: Page, selector: str) -> None:
        self._page = page
        self._selector = selector
        self.seen: set[str] = set()

    def look(self) -> None:
        texts = self._page.locator(self._selector).evaluate(LOOK)
        for text in texts:
            rest, inner = text, ""
            while rest != inner:  # a value may be one of our words
                inner, rest = rest, re.sub(r"⟦[^⟦⟧]*⟧", "", rest)
            assert not re.search(r"[^\W\d_]|[⟦⟧]", rest), text
        everything = "\n".join(texts)
        for key in set(KEYS) - self.seen:
            said = ".*?".join(map(re.escape, key.split("{}")))
            if re.search(f"⟦{said}⟧", everything):
                self.seen.add(key)


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


def ask(page: Page, site: Site) -> Exchange:
    page.click("text=+")
    return site.request("/chat")


def finished(exchange: Exchange, reason: str) -> None:
    exchange.send("done", stop_reason=reason, text_length=0).end()


def json_error(exchange: Exchange, http: int, **facts: object) -> None:
    exchange.begin(http, "application/json").write(json.dumps(facts).encode()).end()


# How an answer ends, by what is said of it then.
ENDINGS: dict[str, Callable[[Exchange], None]] = {
    "Complete": lambda exchange: exchange.answer("1"),
    "The answer is empty": lambda exchange: finished(exchange.begin(), "stop"),
    "The answer reached its length limit": lambda exchange: finished(exchange.begin(), "length"),
    "The model declined to answer": lambda exchange: finished(exchange.begin(), "refusal"),
    "The model paused before the end of its answer": lambda exchange: finished(
        exchange.begin(), "pause"
    ),
    CUT_OFF: lambda exchange: exchange.begin().cut(),
    "The server could not be reached.": lambda exchange: exchange.cut(),
    "The answer failed.": lambda exchange: exchange.begin().send("failed").end(),
    "The server sent no JSON.": lambda exchange: (
        exchange.begin().write(b"event: text\ndata: {\n\n").end()
    ),
    "The server sent an event that is too long: more than 8 MiB.": lambda exchange: (
        exchange.begin().write(b"data: " + b"1" * (9 * 2**20)).end()
    ),
    "The server does not run this request again. Ask again.": lambda exchange: exchange.begin(
        204
    ).cut(),
    "The server sent {} where a stream was expected.": lambda exchange: exchange.begin(
        200, "1/2"
    ).end(),
    "The server sent ⟦something without a type⟧ where a stream was expected.": lambda exchange: (
        exchange.begin(200, "").end()
    ),
    "You are not signed in. Sign in, then ask again.": lambda exchange: exchange.begin(401).end(),
    "You are not signed in, it seems: the server answered with a redirect. Sign in, then ask "
    "again.": lambda exchange: exchange.begin(302, Location="/elsewhere").end(),
    "This page may not ask here. Open the site itself, then ask again.": lambda exchange: (
        json_error(exchange, 403, code="cross_site", message="Words for developers")
    ),
    "Too many requests. Wait a moment, then ask again.": lambda exchange: exchange.begin(
        429, Retry_After="60"
    ).end(),
    "The server answered with an error (HTTP {}).": lambda exchange: exchange.begin(500).end(),
    "The server answered with an error (HTTP {}). If this page is old, load it again.": (
        lambda exchange: exchange.begin(400).end()
    ),
}
# What is said elsewhere: by a chat, and by an element that does not ask by a form.
OF_CHATS = set(KEYS[KEYS.index("Your question") : KEYS.index(CUT_OFF)])
ELSEWHERE = {
    "Reconnecting…",
    "This answer is not kept any longer.",
    "The server did not answer with a stream, or could not be reached.",
    "EventSource can only GET: leave the transport to fetch.",
    # Where the file cannot be loaded that has this, none can be that has languages.
    "A part of this page could not be loaded. Load the page again.",
}


def test_no_word_of_the_element_is_but_the_pages(page: Page, site: Site) -> None:
    open_page(page, site, FORM, words=MARKED)
    looks = Looks(page, "body")
    exchange = ask(page, site)
    looks.look()
    exchange.begin().send("start", id="1")
    expect_state(page, "waiting")
    looks.look()
    exchange.send("reasoning", text="1").send("tool_call_start", id="1", name="9")
    exchange.send("tool_call_start", id="2").send("tool_call_start", id="3", name="8")
    exchange.send("tool_call_start", id="4", name="7")
    expect(page.locator("[data-part=tool]")).to_have_count(4)
    expect(page.locator("[data-part=tool]").nth(1)).to_have_text("⟦Using ⟦a tool⟧…⟧")
    page.click("summary")
    looks.look()
    exchange.send("tool_result", id="1").send("tool_result", id="3", is_error=True)
    exchange.send("source", url="https://1.1.1.1/", title="1").send("text", text=MARKDOWN)
    expect(page.locator("[type=checkbox]")).to_have_count(2)
    looks.look()
    page.click("[data-copy]")
    expect(page.locator("[data-copy]")).to_have_text("⟦Copied⟧")
    looks.look()
    expect(page.locator("[data-copy]")).to_have_text("⟦Copy⟧")
    page.click("[data-stream=stop]")
    expect(status(page)).to_have_text("⟦Stopped⟧")
    looks.look()
    for key, end in ENDINGS.items():
        end(ask(page, site))
        pattern = ".*".join(map(re.escape, f"⟦{key}⟧".split("{}")))
        expect(status(page)).to_have_text(re.compile(f"^{pattern}$"))
        if key.startswith("Too many requests"):
            expect(page.locator("[data-stream=retry]")).to_have_attribute(
                "data-wait", re.compile(r"^⟦\d+ s⟧$")
            )
        looks.look()
    for message in KEYS[KEYS.index("The AI provider reported an error.") :]:
        ask(page, site).begin().send("failed", code="1", message=message).end()
        expect(status(page)).to_have_text(f"⟦{message}⟧")
        looks.look()
    assert set(KEYS) - looks.seen == OF_CHATS - {"Copy", "Copied"} | ELSEWHERE


def test_nor_is_one_where_a_run_is_followed_or_comes_over_eventsource(
    page: Page, site: Site
) -> None:
    body = f"{FORM}<flask-stream transport=eventsource></flask-stream>"
    open_page(page, site, body, words=MARKED)
    looks = Looks(page, "body")
    first, second = element(page).all()
    start = b"id: 1.1\n" + frame("start", id="1", url="/runs/1")
    exchange = ask(page, site).begin().write(start).write(b"id: 1.2\n" + frame("text", text="(1)"))
    expect(first.locator("[data-part=text]")).to_have_text("(1)")
    exchange.cut()
    expect(status(first)).to_have_text("⟦Reconnecting…⟧")
    looks.look()
    site.request("/runs/1").begin(404).end()
    expect(status(first)).to_have_text("⟦This answer is not kept any longer.⟧")
    second.evaluate("element => { element.start('/answer') }")
    site.request("/answer").begin(500).end()
    expect(status(second)).to_contain_text("⟦The server did not answer")
    looks.look()
    second.evaluate("element => { element.start('/answer', { method: 'POST' }) }")
    expect(status(second)).to_contain_text("⟦EventSource can only GET")
    looks.look()
    assert looks.seen > ELSEWHERE - {
        "A part of this page could not be loaded. Load the page again."
    }


def test_no_word_of_a_chat_is_but_the_pages(page: Page, site: Site) -> None:
    open_page(page, site, chat(), words=MARKED)
    looks = Looks(page, "body")
    field = page.locator("textarea[name=question]")
    expect(page.get_by_title("⟦Attach files (")).to_be_visible()
    looks.look()

    # It waits; what is typed meanwhile waits, too.
    field.fill("1?")
    page.get_by_role("button", name="⟦Send⟧").click()
    exchange = site.request("/chat").begin().send("start", id="1")
    expect_state(page, "waiting")
    looks.look()
    field.fill("2?")
    field.press("Enter")
    expect(page.locator("[data-chat=hint]")).to_contain_text("⟦Your question waits here")
    looks.look()

    # It is long, and ends out of sight.
    exchange.send("meta", model="4-1").write(b'event: title\ndata: "3"\n\n')
    exchange.write(b'event: suggestions\ndata: ["4?", "5?"]\n\n')
    text = "1\n\n" * 100
    exchange.send("text", text=text)
    end = page.locator("[data-chat=end]")
    expect(page.locator("[data-part=text] p")).to_have_count(100)
    page.mouse.wheel(0, -3000)
    expect(end).to_be_visible()
    exchange.send("text", text="(2)")
    expect(end).to_have_text("⟦New words below⟧")
    looks.look()
    exchange.finish(f"{text}(2)")
    expect_state(page, "done")
    end.click()
    expect(end).to_be_hidden()
    page.mouse.wheel(0, -3000)
    expect(end).to_have_text("⟦To the end⟧")
    looks.look()
    end.click()
    page.locator("summary").click()
    looks.look()

    # What can be done with it.
    for action in ("copy", "copy-markdown"):
        button = page.locator(f"[data-chat={action}]")
        before = button.text_content() or ""
        button.click()
        expect(button).to_have_text("⟦Copied⟧")
        looks.look()
        button.click()  # once more, before it is over
        expect(button).to_have_text(before)
        expect(button).to_have_attribute("title", before)
    page.click("[data-chat=up]")
    site.request("/rate").begin(500).end()
    expect(page.locator("[data-chat=hint]")).to_have_text("⟦Your rating could not be sent.⟧")
    looks.look()
    page.click("[data-chat=edit]")
    expect(page.locator("[data-chat=editor] textarea")).to_be_focused()
    looks.look()
    page.click("[data-chat=cancel]")

    # Files: one that is taken, and two that are not.
    refused = [
        {"name": "1.9", "mimeType": "", "buffer": b"1" * 2000},
        {"name": "2.8", "mimeType": "", "buffer": b"1"},
    ]
    page.set_input_files("[type=file]", [*refused, {**refused[1], "name": "3.9"}])
    expect(page.locator("[data-chat=hint]")).to_contain_text("⟦1.9 is too large: 1")
    expect(page.locator("[data-chat=hint]")).to_contain_text("⟦2.8 cannot be sent here: only .9.⟧")
    expect(page.locator("[data-chat=remove]")).to_have_attribute("aria-label", "⟦Remove 3.9⟧")
    looks.look()
    # One that was changed since it was chosen.
    page.evaluate("() => { Blob.prototype.slice = () => { throw Error() } }")
    page.set_input_files("[type=file]", [{**refused[1], "name": "4.9"}])
    expect(page.locator("[data-chat=hint]")).to_contain_text("⟦4.9 cannot be read.")
    looks.look()
    assert OF_CHATS - looks.seen == set()
