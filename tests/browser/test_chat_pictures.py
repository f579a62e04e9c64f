"""Pictures of `<flask-chat>` in each of its states, as its style sheets have it, alone and beside
those of others.

Every run leaves them in tests/output/chat/. With FLASK_STREAM_PICTURES set (to anything) those that
docs/chat-looks.md shows go to docs/pictures/; they are committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.chat_states import ARABIC, ENGLISH, STATES, Words, all_states, state
from tests.browser.client_server import STRICT_CSP, Site
from tests.browser.small_png import small_png
from tests.conftest import ROOT
from tests.own_time import in_its_own_time

pytestmark = [pytest.mark.browser, in_its_own_time]

FOR_THE_DOCS = bool(os.environ.get("FLASK_STREAM_PICTURES"))
IN_THE_DOCS = ROOT / "docs" / "pictures"
PICTURES = ROOT / "tests" / "output" / "chat"
LARGEST = 100_000  # bytes, of one that is in the repository

MODULES = ROOT / "js" / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
DOC = (ROOT / "docs" / "chat-looks.md").read_text(encoding="utf-8")
SNIPPETS = {
    heading.strip(): re.findall(r"^```css\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for heading, text in re.findall(r"^##+ (.*)\n((?:(?!##).*\n)*)", DOC, re.MULTILINE)
}
THEMES = ["quiet", "messenger", "dense"]

OWN = ["/static/flask-stream.css", "/static/flask-chat.css"]
# What a page has that has nothing else.
HEADING = "h1 { position: absolute; clip-path: inset(50%); margin: 0; font-size: 1rem }"
PLAIN = """:root { color-scheme: light dark; scrollbar-width: none }
body { margin: 0 auto; padding: 0 8px; max-width: 60rem;
  background: Canvas; font: 1rem/1.5 system-ui, sans-serif }
section { padding: 8px 0 24px; border-bottom: 1px solid #8884 }
section > h2 { margin: 4px 0; font: 600 12px monospace }"""
FRAME = """body { padding: 0 8px; max-width: 60rem; margin: 0 auto }
section { padding: 8px 0 24px } section > h2 { font-size: 1rem }"""
# As its build has it; the utilities are those that a page would use here.
TAILWIND = """@layer theme, base, components, utilities;
@layer base {{ {preflight} }}
@layer utilities {{ .h-96 {{ height: 24rem }} .mt-8 {{ margin-top: 2rem }} }}"""


# Where no background is set, axe takes the page for white.
SCHEME = ":root { color-scheme: light dark } body { background: Canvas }"


def bootstrap() -> str:
    return (MODULES / "bootstrap/dist/css/bootstrap.css").read_text(encoding="utf-8") + FRAME


def pico() -> str:
    return (MODULES / "@picocss/pico/css/pico.css").read_text(encoding="utf-8") + FRAME


def tailwind() -> str:
    preflight = (MODULES / "tailwindcss/preflight.css").read_text(encoding="utf-8")
    return TAILWIND.format(preflight=preflight) + f"{SCHEME} {FRAME}"


FRAMEWORKS: dict[str, Callable[[], str]] = {
    "plain": lambda: PLAIN,
    "bootstrap": bootstrap,
    "pico": pico,
    "tailwind": tailwind,
}
# Alone in all ways; beside each of the others, each thing once.
WAYS = [
    *(
        pytest.param(device, width, "plain", scheme, words, id=f"{device}-plain-{scheme}-{name}")
        for device, width in (("phone", 320), ("desktop", 1000))
        for scheme in ("light", "dark")
        for words, name in ((ENGLISH, "ltr"), (ARABIC, "rtl"))
    ),
    *(
        pytest.param(device, width, beside, scheme, words, id=f"{device}-{beside}-{scheme}-{name}")
        for beside in FRAMEWORKS
        if beside != "plain"
        for device, width, scheme, words, name in (
            ("phone", 320, "light", ARABIC, "rtl"),
            ("desktop", 1000, "dark", ENGLISH, "ltr"),
        )
    ),
]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def open_chat(
    page: Page,
    site: Site,
    body: str,
    *,
    beside: str = "plain",
    first: bool = False,
    words: Words = ENGLISH,
    css: str = "",
    html: str = "",
) -> None:
    """A page that is nothing but HTML and CSS, under a policy that allows no style of its own."""
    if beside != "plain" and not MODULES.exists():
        pytest.skip("no frameworks in js/node_modules: run «npm ci» in js/")
    sheets = {"/framework.css": FRAMEWORKS[beside](), "/page.css": HEADING + css}

    def serve(route: Route) -> None:
        path = "/" + route.request.url.rpartition("/")[2]
        route.fulfill(body=sheets[path], content_type="text/css")

    for path in sheets:
        page.route(f"**{path}", serve)
    links = [*OWN, "/framework.css"] if first else ["/framework.css", *OWN]
    head = "".join(f'<link rel=stylesheet href="{path}">' for path in [*links, "/page.css"])
    site.pages["/"] = (
        f"<!doctype html><html lang={words.language} dir={words.direction} {html}>"
        "<meta charset=utf-8>"
        '<title>Chat</title><meta name=viewport content="width=device-width">'
        f'<script src="/recorder.js"></script>{head}<body><main><h1>Chat</h1>{body}</main>',
        STRICT_CSP,
    )
    page.goto(site.url + "/")


def show_all(page: Page) -> None:
    """Make the window as high as the page: what sticks to its lower edge is in its place then."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    for _ in range(3):
        # What is far away has the height that was guessed, until it is drawn.
        height = page.evaluate("Math.ceil(document.body.getBoundingClientRect().bottom) + 8")
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(50)


def save(browser: Browser, shot: bytes, name: str, *, documented: bool = False) -> None:
    folder = IN_THE_DOCS if documented and FOR_THE_DOCS else PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    small = small_png(browser, shot, colours=200)  # a few letters are red
    (folder / f"{name}.png").write_bytes(small)
    if documented:
        assert len(small) < LARGEST


OVERFLOWING = """() => [...document.querySelectorAll("main *")]
  .filter((element) => !element.matches("[data-stream=status], h1"))
  .filter((element) => !element.parentElement.closest("pre, [data-scroll], button, summary"))
  .filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width && (right > innerWidth || left < 0);
  })
  .map((element) => element.outerHTML.slice(0, 200))"""
# What axe-core finds, by rule, with what it says of contrast where that is too low.
FOUND = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .map(({ id, nodes }) =>
    [id, nodes.map(({ html, any }) => [html.slice(0, 200), any[0]?.message])])"""


def check(page: Page) -> None:
    """Nothing overflows, nothing is too pale to be read, and nothing of ours breaks the policy."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(OVERFLOWING) == []
    assert set(page.evaluate("window.violations")) <= {"img-src"}  # Pico's pictures are data: URLs
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(FOUND) == []


# Each state


@pytest.mark.parametrize(("device", "width", "beside", "scheme", "words"), WAYS)
def test_each_state_can_be_read_and_fits_the_page(
    browser: Browser, site: Site, device: str, width: int, beside: str, scheme: Any, words: Words
) -> None:
    phone = device == "phone"
    page = browser.new_page(
        color_scheme=scheme,
        viewport={"width": width, "height": 640},
        has_touch=phone,
        is_mobile=phone,
    )
    html = f"data-bs-theme={scheme}" if beside == "bootstrap" else ""
    open_chat(page, site, all_states(words), beside=beside, words=words, html=html)
    show_all(page)
    check(page)
    shot = page.screenshot(animations="disabled")
    save(browser, shot, f"{beside}-{device}-{scheme}-{words.direction}")
    page.close()


@pytest.mark.parametrize("colors", ["forced", "more contrast"])
def test_readers_may_have_colours_of_their_own(browser: Browser, site: Site, colors: str) -> None:
    forced: Any = {"forced_colors": "active"} if colors == "forced" else {"contrast": "more"}
    page = browser.new_page(viewport={"width": 700, "height": 640}, **forced)
    open_chat(page, site, all_states(ENGLISH))
    show_all(page)
    icon = page.locator("#running [data-stream=stop]")
    seen = icon.evaluate(
        "(e) => ['::before', null].map((part) => getComputedStyle(e, part).backgroundColor)"
    )
    assert seen[0] != seen[1]
    save(browser, page.screenshot(animations="disabled"), colors.replace(" ", "-"))
    page.close()


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found
    return dict(found)


@pytest.mark.parametrize("beside", FRAMEWORKS)
def test_controls_look_the_same_whatever_the_page_says_of_all_buttons(
    browser: Browser, site: Site, beside: str
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
        body = "".join(state(name, ENGLISH) for name in STATES)
        open_chat(page, site, body, beside=sheet, css=css)
        show_all(page)
        looks.append(page.evaluate(looks_of))
    assert len(looks[0]) > 50
    wrong = [pair for pair in zip(*looks, strict=True) if pair[0] != pair[1]]
    assert wrong == []
    page.close()


@pytest.mark.parametrize("first", [False, True], ids=["behind", "before"])
def test_it_does_not_matter_whether_it_comes_before_tailwind(
    browser: Browser, site: Site, first: bool
) -> None:
    page = browser.new_page()
    body = state("conversation", ENGLISH, 'class="h-96"')
    open_chat(page, site, body, beside="tailwind", first=first)
    expect(page.locator("ol").first).to_have_css("list-style-type", "decimal")
    expect(page.locator("[data-part=text] h3")).to_have_css("font-weight", "650")
    expect(page.locator("[data-turn=user] [data-part=text]").first).to_have_css(
        "padding-left", "16px"
    )
    expect(page.locator("flask-chat")).to_have_css("height", "384px")
    page.close()


def test_rules_of_the_page_win(page: Page, site: Site) -> None:
    css = """p { margin: 7px 0 } [data-stream=output] { padding: 3px }
    flask-chat [data-chat="send"] { border-radius: 5px }"""
    body = state("conversation", ENGLISH) + state("empty", ENGLISH).replace(
        "<button data-chat=send", "<button class=btn data-chat=send"
    )
    open_chat(page, site, body, css=f"{css} .btn {{ background: rgb(1, 2, 3) }}")
    expect(page.locator("[data-part=text] p").first).to_have_css("margin-top", "7px")
    expect(page.locator("#conversation [data-stream=output]")).to_have_css("padding", "3px")
    expect(page.locator("#conversation [data-chat=send]")).to_have_css("border-radius", "5px")
    expect(page.locator("#empty [data-chat=send]")).to_have_css("background-color", "rgb(1, 2, 3)")


# Where what stands


@pytest.mark.parametrize("pointer", ["mouse", "finger"])
def test_what_is_pressed_is_large_enough_for_a_finger(
    browser: Browser, site: Site, pointer: str
) -> None:
    finger = pointer == "finger"
    page = browser.new_page(
        has_touch=finger, is_mobile=finger, viewport={"width": 390, "height": 700}
    )
    open_chat(page, site, all_states(ENGLISH))
    smallest = page.locator("[data-chat] button:visible, summary:visible").evaluate_all(
        "all => Math.min(...all.filter((e) => e.closest('[data-chat]')).map((e) => e.offsetHeight))"
    )
    assert smallest == (44 if finger else 36)
    sizes = page.locator("textarea").evaluate_all(
        "all => all.map((e) => getComputedStyle(e).fontSize)"
    )
    assert set(sizes) == {"16px"}
    page.close()


def test_stop_stands_where_send_stood(page: Page, site: Site) -> None:
    open_chat(page, site, state("conversation", ENGLISH) + state("running", ENGLISH))
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
    page: Page, site: Site, words: Words
) -> None:
    open_chat(page, site, state("conversation", words), words=words)
    for bubble in page.locator("[data-turn=user] [data-part=text]").all():
        at, output = box(bubble), box(page.locator("[data-chat=field]"))
        if words is ENGLISH:
            assert at["x"] + at["width"] == pytest.approx(output["x"] + output["width"], abs=1)
        else:
            assert at["x"] == pytest.approx(output["x"], abs=1)


def test_the_page_scrolls_and_the_form_stays(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 800, "height": 500})
    open_chat(page, site, state("conversation", ENGLISH))
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


def test_the_answers_scroll_where_the_page_gives_a_height(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    [css] = SNIPPETS["Where it stands"]
    open_chat(page, site, state("conversation", ENGLISH), css=css)
    output = page.locator("[data-stream=output]")
    assert output.evaluate("(e) => e.scrollHeight - e.clientHeight") > 200
    form, chat = box(page.locator("[data-chat=composer]")), box(page.locator("flask-chat"))
    assert form["y"] + form["height"] == pytest.approx(chat["y"] + chat["height"], abs=1)
    assert chat["height"] == 480


def test_a_field_grows_with_its_words_to_a_height(page: Page, site: Site) -> None:
    open_chat(page, site, state("conversation", ENGLISH))
    field = page.locator("textarea")
    low = box(field)["height"]
    field.fill("one\ntwo\nthree")
    three = box(field)["height"]
    field.fill("\n".join("a" * 80))
    assert low < three < box(field)["height"] <= 192


def test_buttons_under_an_answer_come_with_the_pointer_and_move_nothing(
    page: Page, site: Site
) -> None:
    open_chat(page, site, state("conversation", ENGLISH))
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


def test_the_conversation_is_printed_without_its_buttons(page: Page, site: Site) -> None:
    open_chat(page, site, state("conversation", ENGLISH, "class=low"), css=".low { height: 20rem }")
    page.emulate_media(media="print")
    for name in ("composer", "actions", "end"):
        expect(page.locator(f"[data-chat={name}]").first).to_be_hidden()
    assert page.locator("flask-chat").evaluate("(e) => e.offsetHeight") > 600


def test_icons_have_names(page: Page, site: Site) -> None:
    open_chat(page, site, state("conversation", ENGLISH))
    for name in ("Copy", "Copy as Markdown", "Answer again", "Good answer", "Attach files", "Send"):
        expect(page.get_by_role("button", name=name, exact=True).last).to_be_visible()


# The pictures of the docs


@pytest.mark.parametrize(
    ("name", "width", "beside", "scheme", "words"),
    [
        ("chat-phone-light", 390, "plain", "light", ENGLISH),
        ("chat-phone-dark-rtl", 390, "plain", "dark", ARABIC),
        ("chat-desktop-light", 900, "plain", "light", ENGLISH),
        ("chat-desktop-bootstrap-dark", 900, "bootstrap", "dark", ENGLISH),
    ],
)
def test_a_conversation_as_the_docs_show_it(
    browser: Browser, site: Site, name: str, width: int, beside: str, scheme: Any, words: Words
) -> None:
    phone = width < 500
    page = browser.new_page(
        color_scheme=scheme,
        viewport={"width": width, "height": 700},
        has_touch=phone,
        is_mobile=phone,
    )
    html = f"data-bs-theme={scheme}" if beside == "bootstrap" else ""
    body = state("conversation", words)
    open_chat(page, site, body, beside=beside, words=words, html=html)
    show_all(page)
    save(browser, page.screenshot(animations="disabled"), name, documented=True)
    page.close()


@pytest.mark.parametrize("theme", THEMES)
def test_each_theme_of_the_docs(browser: Browser, site: Site, theme: str) -> None:
    [css] = SNIPPETS[theme.capitalize()]
    assert len(css.splitlines()) < 35
    dense = theme == "dense"
    for scheme in ("dark", "light"):
        page = browser.new_page(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": 360 if dense else 800, "height": 720},
        )
        body = state("conversation", ENGLISH)
        frame = "html, body, main { height: 100% }" if dense else ""
        open_chat(page, site, body, css=f"{css} body {{ padding: 0; max-width: none }} {frame}")
        if not dense:
            show_all(page)
        check(page)
        name = f"chat-{theme}" if scheme == "light" else f"chat-{theme}-dark"
        shot = page.screenshot(animations="disabled")
        save(browser, shot, name, documented=scheme == "light")
        page.close()


def test_the_properties_of_the_docs_are_those_of_the_sheet(page: Page, site: Site) -> None:
    css = (ROOT / "js" / "src" / "flask-chat.css").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(--[\w-]+)` \|", DOC, re.MULTILINE))
    assert named == set(re.findall(r"(--chat-[\w-]+):", css))
    [snippet] = SNIPPETS["Properties"]
    open_chat(page, site, state("empty", ENGLISH), css=snippet)
    expect(page.locator("[data-chat=send]")).to_have_css("background-color", "rgb(122, 31, 162)")
