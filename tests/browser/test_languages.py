"""The client speaks the language of its page, and the page's own words before those that it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.browser.client_server import Site
from tests.browser.on_page import expect_state, retry_button, status
from tests.browser.on_words import LANGUAGES, SRC, chat, open_page, words_of
from tests.browser.payloads import HTML

pytestmark = pytest.mark.browser

GERMAN = words_of("de")
# Whatever a payload calls is kept, for the test to see.
TRAPS = """window.calls = [];
for (const name of ["pwned", "alert", "confirm", "prompt", "print", "open"]) {
  window[name] = () => calls.push(name);
}"""
RELEARN = "async words => (await import('/static/flask-stream.js')).words(words)"


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


@pytest.fixture
def lacking(browser: Browser) -> Iterator[Page]:
    """A page in which something is to fail, once."""
    page = browser.new_page()
    yield page
    assert page.evaluate("window.violations") == []
    page.close()


def open_and_fail(page: Page, site: Site, **given: Any) -> str:
    """Gives what the page's error handler is told meanwhile."""
    with page.expect_event("pageerror") as told:
        open_page(page, site, SRC, html="lang=de", **given)
    return str(told.value)


def stop_button(page: Page) -> Locator:
    return page.locator("[data-stream=stop]")


def expect_language(page: Page, words: dict[str, str]) -> None:
    """The words of an element whose answer has been asked for, by `src`."""
    expect(status(page)).to_have_text(words["Generating…"])
    expect(stop_button(page)).to_have_text(words["Stop"])


# By lang


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_which_language(page: Page, site: Site, language: str) -> None:
    words = words_of(language)
    open_page(page, site, SRC, html=f"lang={language}")
    expect_language(page, words)
    message = "The AI provider took too long to answer."
    exchange = site.request("/answer").begin()
    exchange.send("failed", code="timeout", message=message, retryable=True).end()
    expect(status(page)).to_have_text(words[message])  # though its server knows no languages
    expect(retry_button(page)).to_have_text(words["Retry"])


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de-AT", "de"),
        ("DE", "de"),
        ("de_DE", "de"),
        ("pt-BR", "pt"),
        ("zh-CN", "zh"),
        ("zh-Hans-HK", "zh"),
        ("zh-TW", "en"),
        ("zh-Hant", "en"),
        ("sv", "en"),
        ("en-GB", "en"),
        ("den", "en"),
        ("__proto__", "en"),
        ("constructor", "en"),
        ("", "en"),
    ],
)
def test_a_language_may_have_a_place_and_what_is_not_known_is_english(
    page: Page, site: Site, tag: str, language: str
) -> None:
    words = {key: key for key in GERMAN} if language == "en" else words_of(language)
    open_page(page, site, SRC, html=f'lang="{tag}"')
    expect_language(page, words)


def test_a_language_may_be_that_of_the_element_or_of_what_is_around_it(
    page: Page, site: Site
) -> None:
    open_page(page, site, f"<main lang=fr>{SRC}</main>", html="lang=de")
    expect_language(page, words_of("fr"))
    open_page(page, site, SRC.replace("<flask-stream", "<flask-stream lang=ja"), html="lang=de")
    expect_language(page, words_of("ja"))


def test_english_loads_no_file_of_words(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, site, SRC, html="lang=en-US")
    site.request("/answer").answer("Hi")
    expect_state(page, "done")
    assert [url for url in asked if "words" in url or "more" in url] == []


@pytest.mark.parametrize("file", ["words-de", "more"])
def test_words_that_cannot_be_loaded_leave_english(lacking: Page, site: Site, file: str) -> None:
    lacking.route(f"**/flask-stream-{file}.js", lambda route: route.fulfill(status=404))
    assert f"flask-stream-{file}.js" in open_and_fail(lacking, site)
    expect(status(lacking)).to_have_text("Generating…")
    site.request("/answer").answer("Hi")
    expect_state(lacking, "done")
    expect(lacking.locator("[data-part=text]")).to_have_text("Hi")


def test_a_chat_speaks_it_too_whatever_its_server_wrote(page: Page, site: Site) -> None:
    body = """<flask-chat><flask-stream form=f render=markdown append>
      <div data-stream=output></div><p data-stream=status></p>
      <button type=button data-stream=retry hidden>Retry</button>
      <form id=f data-chat=composer method=post action="/chat"><div data-chat=field>
        <textarea name=question aria-label="Your question" placeholder="Ask something"></textarea>
        <button data-chat=send>Send</button>
        <button type=button data-stream=stop hidden>Stop</button>
      </div></form></flask-stream></flask-chat>"""
    open_page(page, site, body, html="lang=de")
    field = page.get_by_role("textbox", name=GERMAN["Your question"])
    expect(field).to_have_attribute("placeholder", GERMAN["Ask something"])
    field.fill("Warum?")
    page.get_by_role("button", name=GERMAN["Send"]).click()
    expect(stop_button(page)).to_have_text(GERMAN["Stop"])
    expect(stop_button(page)).to_have_attribute("title", GERMAN["Stop"])
    site.request("/chat").begin(503, Retry_After="1").end()
    expect(retry_button(page)).to_have_text(GERMAN["Retry"])


def test_what_a_page_calls_its_buttons_stays(page: Page, site: Site) -> None:
    body = """<flask-chat><flask-stream><form method=post action="/chat"><div data-chat=field>
        <textarea name=question aria-label="Sprich" placeholder="Frag"></textarea>
        <button data-chat=send>Los</button><button data-stream=stop hidden><b>Halt</b></button>
      </div></form><button data-stream=retry>Noch mal</button></flask-stream></flask-chat>"""
    open_page(page, site, body, html="lang=de")
    expect(page.locator("[data-chat=send]")).to_have_attribute("title", "Los")
    expect(page.locator("[data-chat=send]")).to_have_text("Los")
    expect(stop_button(page).locator("b")).to_have_text("Halt")
    expect(retry_button(page)).to_have_text("Noch mal")
    expect(page.get_by_placeholder("Frag")).to_have_attribute("aria-label", "Sprich")


def test_files_are_listed_where_the_form_has_no_row_for_its_field(page: Page, site: Site) -> None:
    form = "<form method=post><input type=file name=files><textarea name=question></textarea>"
    open_page(page, site, f"<flask-chat>{form}</form></flask-chat>", html="lang=de")
    expect(page.locator("[data-chat=attach]")).to_be_visible()
    page.set_input_files("[type=file]", {"name": "a.9", "mimeType": "", "buffer": b"1"})
    expect(page.get_by_role("button", name="a.9 entfernen")).to_be_visible()


@pytest.mark.parametrize(
    ("tag", "date", "size"),
    [("de", "02.01.2026", "1 kB"), ("de_DE", "2026", "1"), ("not a tag", "2026", "kB")],
)
def test_dates_and_sizes_are_those_of_the_chats_language(
    page: Page, site: Site, tag: str, date: str, size: str
) -> None:
    saved = '<div data-turn data-id=1 data-at="2026-01-02T12:00:00Z">Hi</div>'
    open_page(page, site, chat(saved), html=f'lang="{tag}"')
    expect(page.locator("time")).to_contain_text(date)
    assert size in (page.locator("[data-chat=attach]").get_attribute("title") or "")


# Words of the page's


def test_the_pages_own_words_are_stronger(page: Page, site: Site) -> None:
    own = {"Generating…": "Moment…", "overloaded": "Gerade ist viel los.", "Using {}…": "Sucht…"}
    open_page(page, site, SRC, html="lang=de", words=own)
    expect_language(page, {**GERMAN, **own})
    exchange = site.request("/answer").begin().send("tool_call_start", id="1", name="search")
    expect(page.locator("[data-part=tool]")).to_have_text("Sucht…")  # without its name
    facts = {"code": "overloaded", "message": "Try later.", "retryable": True}
    exchange.send("failed", **facts).end()
    expect(status(page)).to_have_text("Gerade ist viel los.")
    expect(retry_button(page)).to_have_text(GERMAN["Retry"])


def test_a_page_may_bring_a_language_that_the_client_does_not_have(page: Page, site: Site) -> None:
    open_page(page, site, SRC, html="lang=sv", words={"Generating…": "Skriver…", "Stop": "Stoppa"})
    expect_language(page, {"Generating…": "Skriver…", "Stop": "Stoppa"})


def test_words_that_cannot_be_read_leave_the_languages(lacking: Page, site: Site) -> None:
    assert "JSON" in open_and_fail(lacking, site, words="{")
    expect_language(lacking, GERMAN)


@pytest.mark.parametrize("script", ["null", "[]", '"Stop"', '{"Retry": 5}'])
def test_words_that_are_none_break_nothing(page: Page, site: Site, script: str) -> None:
    open_page(page, site, SRC, html="lang=de", words=script)
    expect_language(page, GERMAN)


def test_words_that_come_late_are_said_by_what_is_there(page: Page, site: Site) -> None:
    saved = "<div data-turn=user data-id=1>Copy</div><div data-turn data-id=1>Send me `Copy`</div>"
    other = "<flask-stream><button data-stream=stop hidden>Meine</button></flask-stream>"
    open_page(page, site, chat(saved) + other, html="lang=fr")
    french = words_of("fr")
    field = page.locator("textarea")
    expect(field).to_have_attribute("placeholder", french["Ask something"])
    expect(page.locator("[data-chat=copy]")).to_have_text(french["Copy"])
    page.set_input_files("[type=file]", {"name": "a.9", "mimeType": "", "buffer": b"1"})
    remove = page.locator("[data-chat=remove]")
    expect(remove).to_have_attribute("aria-label", french["Remove {}"].format("a.9"))

    page.evaluate(RELEARN, GERMAN)
    expect(field).to_have_attribute("placeholder", GERMAN["Ask something"])
    expect(field).to_have_attribute("aria-label", GERMAN["Your question"])
    expect(remove).to_have_attribute("aria-label", GERMAN["Remove {}"].format("a.9"))
    expect(remove).to_have_attribute("title", GERMAN["Remove"])
    attach = page.locator("[data-chat=attach]")
    size = page.evaluate(
        "new Intl.NumberFormat('fr', { style: 'unit', unit: 'kilobyte' }).format(1)"
    )
    expect(attach).to_have_attribute("title", f"Dateien anhängen (.9, {size})")
    for name, words in {
        "attach": "Attach files",
        "copy": "Copy",
        "copy-markdown": "Copy as Markdown",
        "edit": "Edit",
        "regenerate": "Answer again",
        "send": "Send",
        "up": "Good answer",
    }.items():
        button = page.locator(f"[data-chat={name}]")
        expect(button).to_have_text(GERMAN[words])
        if name != "attach":
            expect(button).to_have_attribute("title", GERMAN[words])
    expect(page.locator("flask-chat [data-stream=stop]")).to_have_text(GERMAN["Stop"])
    expect(page.locator("flask-chat [data-stream=retry]")).to_have_text(GERMAN["Retry"])
    # What others have said stays as they said it.
    expect(page.locator("[data-turn=user] [data-part=text]")).to_have_text("Copy")
    expect(page.locator("[data-part=text] code")).to_have_text("Copy")
    expect(page.get_by_text("Meine", exact=True)).to_have_count(1)


def test_words_may_come_late_more_than_once(page: Page, site: Site) -> None:
    open_page(page, site, SRC)
    expect(stop_button(page)).to_have_text("Stop")
    for word in ("Halt", "x{2}(", "$&", "Stop"):
        page.evaluate(RELEARN, {"Stop": word, "Generating…": f"{word}…"})
        expect(stop_button(page)).to_have_text(word)
        expect(status(page)).to_have_text(f"{word}…")


def test_no_word_is_taken_for_html(page: Page, site: Site) -> None:
    page.add_init_script(TRAPS)
    payloads = cycle(HTML)
    words = {key: next(payloads) + " {}" * key.count("{}") for key in GERMAN}
    saved = """<div data-turn=user data-id=1>Why?</div><div data-turn data-id=1 data-model=m>1

```js
1
```
</div>"""
    open_page(page, site, chat(saved), words=words)
    expect(page.locator("[data-chat=copy]")).to_have_text(words["Copy"].replace("\n", " ").strip())
    page.locator("textarea").fill("Why?")
    page.locator("[data-chat=send]").click()
    exchange = site.request("/chat").begin().send("start", id="1").send("reasoning", text="Hm")
    exchange.send("tool_call_start", id="1", name="<b>").send("tool_call_start", id="2")
    exchange.send("text", text="Hi").send("failed", code="x", message="The answer failed.").end()
    expect_state(page, "failed")
    for name in ("edit", "copy", "up"):
        page.locator(f"[data-chat={name}]").first.click()
    site.request("/rate").begin(500).end()
    for element in page.locator("flask-chat button:visible").all():
        element.hover()
    page.evaluate(
        RELEARN, {key: f"{text}<img src=x onerror=pwned(1)>" for key, text in words.items()}
    )
    expect(page.locator("[data-chat=send]")).to_contain_text("<img src=x")
    strange = (
        "script, img, svg, iframe, style, link, object, embed, b, audio, video, math, base, meta"
    )
    assert (
        page.locator("flask-chat").evaluate(
            "(chat, strange) => [...chat.querySelectorAll(strange)].map((each) => each.outerHTML)",
            strange,
        )
        == []
    )
    assert page.evaluate("calls") == []
    assert page.evaluate("violations") == []
    assert page.evaluate("[document.title, document.cookie]") == ["Test", ""]


def test_a_script_of_words_cannot_change_what_objects_are(page: Page, site: Site) -> None:
    words = json.dumps({"__proto__": {"Stop": "x"}, "constructor": "y", "Stop": "Halt"})
    open_page(page, site, SRC, words=words)
    expect(stop_button(page)).to_have_text("Halt")
    assert page.evaluate("({}).Stop === undefined && {}.constructor === Object")


# From right to left


def box_of(locator: Locator) -> FloatRect:
    box = locator.bounding_box()
    assert box
    return box


@pytest.mark.parametrize("language", ["ar", "he"])
@pytest.mark.parametrize("width", [320, 900])
def test_a_chat_from_right_to_left_fits_its_page(
    page: Page, site: Site, language: str, width: int
) -> None:
    words = words_of(language)
    page.set_viewport_size({"width": width, "height": 700})
    open_page(page, site, chat(), html=f"lang={language} dir=rtl")
    field = page.get_by_role("textbox", name=words["Your question"])
    expect(field).to_have_attribute("dir", "auto")
    field.fill("لماذا؟")
    page.get_by_role("button", name=words["Send"]).click()
    exchange = site.request("/chat").begin().send("start", id="1")
    exchange.send("tool_call_start", id="1", name="get_weather").send("reasoning", text="Hm")
    text = "```python\n" + "x" * 300 + "\n```\n\n| 1 | 2 |\n|---|---|\n| 3 | 4 |\n"
    exchange.send("text", text=text)
    expect(page.locator("td")).to_have_count(2)
    exchange.finish(text)
    expect_state(page, "done")
    page.set_input_files("[type=file]", {"name": "a.8", "mimeType": "", "buffer": b"1"})
    # The name of a file is set apart: it turns nothing of the sentence about.
    expect(page.locator("[data-chat=hint]")).to_contain_text("\u2068a.8\u2069")
    overflow = "({ scrollWidth, clientWidth }) => scrollWidth - clientWidth"
    assert page.locator("html").evaluate(overflow) <= 0
    # The question is at the end side, which is the left, and so is Send.
    question = box_of(page.locator("[data-turn=user] [data-part=text]"))
    assert question["x"] + question["width"] < width / 2
    send, typed = box_of(page.locator("[data-chat=send]")), box_of(field)
    assert send["x"] + send["width"] <= typed["x"]
    assert page.locator("[data-part=tool]").evaluate("p => getComputedStyle(p).direction") == "rtl"
