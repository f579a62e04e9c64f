"""How `<flask-chat>` looks: its rules beside those of a page and of frameworks, where what stands,
and what docs/chat-looks.md says. The pictures are test_chat_pictures.py's.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chat_page import (
    DOC,
    FRAMEWORKS,
    NO_END,
    SNIPPETS,
    box,
    check,
    open_chat,
    save,
    show_all,
)
from tests.browser.chat_states import ARABIC, ENGLISH, SCRIPTED, States, Words
from tests.browser.client_server import Site
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

THEMES = ["quiet", "messenger", "dense"]


@pytest.mark.parametrize("beside", FRAMEWORKS)
def test_controls_look_the_same_whatever_the_page_says_of_all_buttons(
    browser: Browser, site: Site, states: States, beside: str
) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 640})
    looks_of = """() => [...document.querySelectorAll(
        "[data-chat]:not([data-chat=title]), [data-chat] :is(button, textarea, li)")]
      .map((element) => {
        const style = getComputedStyle(element);
        return ["display", "width", "height", "padding", "margin", "borderWidth", "borderRadius",
          "backgroundColor", "boxShadow", "listStyleType"].map((name) => style[name]).join()
      })"""
    looks = []
    for sheet in ["plain", beside]:
        # Letters of the same size: many a width is theirs.
        css = """* { box-sizing: border-box } html { font-size: 16px !important }
        body, button, textarea { font: 16px/1.5 monospace; color: #000; background: #fff }
        main { width: 700px }"""
        body = "".join(states.one(name, ENGLISH) for name in SCRIPTED)
        open_chat(page, site, body, beside=sheet, css=css)
        show_all(page)
        looks.append(page.evaluate(looks_of))
    assert len(looks[0]) > 50
    wrong = [pair for pair in zip(*looks, strict=True) if pair[0] != pair[1]]
    assert wrong == []
    page.close()


@pytest.mark.parametrize("first", [False, True], ids=["behind", "before"])
def test_it_does_not_matter_whether_it_comes_before_tailwind(
    browser: Browser, site: Site, states: States, first: bool
) -> None:
    page = browser.new_page()
    body = states.one("conversation", ENGLISH, 'class="h-96"')
    open_chat(page, site, body, beside="tailwind", first=first)
    expect(page.locator("ol").first).to_have_css("list-style-type", "decimal")
    expect(page.locator("[data-part=text] h3")).to_have_css("font-weight", "650")
    expect(page.locator("[data-turn=user] [data-part=text]").first).to_have_css(
        "padding-left", "16px"
    )
    expect(page.locator("flask-chat")).to_have_css("height", "384px")
    page.close()


def test_rules_of_the_page_win(page: Page, site: Site, states: States) -> None:
    css = """p { margin: 7px 0 } [data-stream=output] { padding: 3px }
    flask-chat [data-chat="send"] { border-radius: 5px }"""
    body = states.one("conversation", ENGLISH) + states.one("empty", ENGLISH).replace(
        '<button data-chat="send"', '<button class=btn data-chat="send"'
    )
    open_chat(page, site, body, css=f"{css} .btn {{ background: rgb(1, 2, 3) }}")
    expect(page.locator("[data-part=text] p").first).to_have_css("margin-top", "7px")
    expect(page.locator("#conversation [data-stream=output]")).to_have_css("padding", "3px")
    expect(page.locator("#conversation [data-chat=send]")).to_have_css("border-radius", "5px")
    expect(page.locator("#empty [data-chat=send]")).to_have_css("background-color", "rgb(1, 2, 3)")


@pytest.mark.parametrize("colors", ["forced", "more contrast"])
def test_readers_may_have_colours_of_their_own(
    browser: Browser, site: Site, states: States, colors: str
) -> None:
    forced: Any = {"forced_colors": "active"} if colors == "forced" else {"contrast": "more"}
    page = browser.new_page(viewport={"width": 700, "height": 640}, **forced)
    open_chat(page, site, states.all(ENGLISH))
    show_all(page)
    icon = page.locator("#running [data-stream=stop]")
    seen = icon.evaluate(
        "(e) => ['::before', null].map((part) => getComputedStyle(e, part).backgroundColor)"
    )
    assert seen[0] != seen[1]
    save(browser, page.screenshot(animations="disabled"), colors.replace(" ", "-"))
    page.close()


# Where what stands


@pytest.mark.parametrize("pointer", ["mouse", "finger"])
def test_what_is_pressed_is_large_enough_for_a_finger(
    browser: Browser, site: Site, states: States, pointer: str
) -> None:
    finger = pointer == "finger"
    page = browser.new_page(
        has_touch=finger, is_mobile=finger, viewport={"width": 390, "height": 700}
    )
    open_chat(page, site, states.all(ENGLISH))
    smallest = page.locator("[data-chat] button:visible, summary:visible").evaluate_all(
        "all => Math.min(...all.filter((e) => e.closest('[data-chat]')).map((e) => e.offsetHeight))"
    )
    assert smallest == (44 if finger else 36)
    sizes = page.locator("textarea").evaluate_all(
        "all => all.map((e) => getComputedStyle(e).fontSize)"
    )
    assert set(sizes) == {"16px"}
    page.close()


def test_stop_stands_where_send_stood(page: Page, site: Site, states: States) -> None:
    open_chat(page, site, states.one("conversation", ENGLISH) + states.one("running", ENGLISH))
    send, stop = (
        page.locator("#conversation [data-chat=send]"),
        page.locator("#running [data-stream=stop]"),
    )
    fields = [
        box(page.locator(f"#{name} [data-chat=field]")) for name in ("conversation", "running")
    ]
    places = []
    for button, field in zip([send, stop], fields, strict=True):
        at = box(button)
        places.append((at["x"] - field["x"], at["y"] - field["y"], at["width"], at["height"]))
    assert places[0] == places[1]
    expect(page.locator("#running [data-chat=send]")).to_be_hidden()


@pytest.mark.parametrize("words", [ENGLISH, ARABIC], ids=["ltr", "rtl"])
def test_words_of_the_reader_stand_at_the_end_whatever_their_script(
    page: Page, site: Site, states: States, words: Words
) -> None:
    open_chat(page, site, states.one("conversation", words), words=words)
    for bubble in page.locator("[data-turn=user] [data-part=text]").all():
        at, output = box(bubble), box(page.locator("[data-chat=field]"))
        if words is ENGLISH:
            assert at["x"] + at["width"] == pytest.approx(output["x"] + output["width"], abs=1)
        else:
            assert at["x"] == pytest.approx(output["x"], abs=1)


def test_the_page_scrolls_and_the_form_stays(page: Page, site: Site, states: States) -> None:
    page.set_viewport_size({"width": 800, "height": 500})
    open_chat(page, site, states.one("conversation", ENGLISH))
    form, end = page.locator("[data-chat=composer]"), page.locator("[data-chat=end]")
    assert page.evaluate("document.scrollingElement.scrollHeight") > 700
    for top in (0, 200, 10_000):
        page.evaluate("(top) => scrollTo(0, top)", top)
        at = box(form)
        assert at["y"] + at["height"] == pytest.approx(500, abs=1)
    # Above the form, of which it takes no press.
    x, y = at["x"] + at["width"] / 2, at["y"]
    hit = "([x, y]) => document.elementFromPoint(x, y).closest('[data-chat]').dataset.chat"
    assert page.evaluate(hit, [x, y - 20]) == "end"
    assert page.evaluate(hit, [x, y + 20]) == "field"
    expect(end).to_be_visible()
    page.evaluate(
        "document.querySelector('flask-chat').style.setProperty('--flask-chat-keyboard', '300px')"
    )
    assert box(form)["y"] + box(form)["height"] == pytest.approx(200, abs=1)


def test_the_answers_scroll_where_the_page_gives_a_height(
    page: Page, site: Site, states: States
) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    [css] = SNIPPETS["Where it stands"]
    open_chat(page, site, states.one("conversation", ENGLISH), css=css)
    output = page.locator("[data-stream=output]")
    assert output.evaluate("(e) => e.scrollHeight - e.clientHeight") > 200
    form, chat = box(page.locator("[data-chat=composer]")), box(page.locator("flask-chat"))
    assert form["y"] + form["height"] == pytest.approx(chat["y"] + chat["height"], abs=1)
    assert chat["height"] == 480


def test_a_field_grows_with_its_words_to_a_height(page: Page, site: Site, states: States) -> None:
    open_chat(page, site, states.one("conversation", ENGLISH))
    field = page.locator("textarea")
    low = box(field)["height"]
    field.fill("one\ntwo\nthree")
    three = box(field)["height"]
    field.fill("\n".join("a" * 80))
    assert low < three < box(field)["height"] <= 192


def test_buttons_under_an_answer_come_with_the_pointer_and_move_nothing(
    page: Page, site: Site, states: States
) -> None:
    open_chat(page, site, states.one("conversation", ENGLISH))
    first, last = page.locator("[data-turn=''] > [data-chat=actions]").all()
    expect(last).to_have_css("opacity", "1")
    details = page.locator("details[data-chat=about]").first
    details.evaluate("(e) => e.open = false")
    page.mouse.move(0, 0)
    expect(first).to_have_css("opacity", "0")
    height = page.evaluate("document.body.offsetHeight")
    page.locator("[data-turn='']").first.hover()
    expect(first).to_have_css("opacity", "1")
    assert page.evaluate("document.body.offsetHeight") == height
    place = box(page.locator("summary[title=Details]").first)
    details.evaluate("(e) => e.open = true")
    assert box(page.locator("summary[title=Details]").first) == place
    page.mouse.move(0, 0)
    expect(first).to_have_css("opacity", "1")


def test_the_conversation_is_printed_without_its_buttons(
    page: Page, site: Site, states: States
) -> None:
    open_chat(
        page, site, states.one("conversation", ENGLISH, "class=low"), css=".low { height: 20rem }"
    )
    page.emulate_media(media="print")
    for name in ("composer", "actions", "end"):
        expect(page.locator(f"[data-chat={name}]").first).to_be_hidden()
    assert page.locator("flask-chat").evaluate("(e) => e.offsetHeight") > 600


def test_icons_have_names(page: Page, site: Site, states: States) -> None:
    open_chat(page, site, states.one("conversation", ENGLISH))
    for name in ("Copy", "Copy as Markdown", "Answer again", "Good answer", "Attach files", "Send"):
        expect(page.get_by_role("button", name=name, exact=True).last).to_be_visible()


# What the docs say


@pytest.mark.parametrize("theme", THEMES)
def test_each_theme_of_the_docs(browser: Browser, site: Site, states: States, theme: str) -> None:
    [css] = SNIPPETS[theme.capitalize()]
    assert len(css.splitlines()) < 35
    dense = theme == "dense"
    for scheme in ("dark", "light"):
        page = browser.new_page(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": 360 if dense else 800, "height": 720},
        )
        body = states.one("conversation", ENGLISH)
        frame = "html, body, main { height: 100% }" if dense else ""
        open_chat(page, site, body, css=f"{css} body {{ padding: 0; max-width: none }} {frame}")
        if not dense:
            show_all(page)
            page.evaluate(NO_END)
        check(page)
        name = f"chat-{theme}" if scheme == "light" else f"chat-{theme}-dark"
        shot = page.screenshot(animations="disabled")
        save(browser, shot, name, documented=scheme == "light")
        page.close()


def test_the_properties_of_the_docs_are_those_of_the_sheet(
    page: Page, site: Site, states: States
) -> None:
    css = (ROOT / "js" / "src" / "flask-chat.css").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(--[\w-]+)` \|", DOC, re.MULTILINE))
    assert named == set(re.findall(r"(--chat-[\w-]+):", css))
    [snippet] = SNIPPETS["Properties"]
    open_chat(page, site, states.one("empty", ENGLISH), css=snippet)
    expect(page.locator("[data-chat=send]")).to_have_css("background-color", "rgb(122, 31, 162)")
