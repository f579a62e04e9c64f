"""Every snippet of docs/client.md runs in Chromium, and its tables name what there is."""

from __future__ import annotations

import gzip
import queue
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from flask_stream import FlaskStream
from tests.browser.client_server import HEAD, STATIC, STRICT_CSP, Exchange, Site
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

DOC = ROOT / "docs" / "client.md"
TEXT = DOC.read_text(encoding="utf-8")
SOURCES = ROOT / "js" / "src"
QUIET = 1.0  # how long a request that must not come is waited for
INLINE = f"{STRICT_CSP}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
FORM = """<form id=ask method=post action="/chat"><input name=question value="Why?">
<button>Ask</button></form><flask-stream form="ask"></flask-stream>"""
SRC = '<flask-stream src="/answer"></flask-stream>'

# A part of each snippet, by which its test finds it.
HTML = {"tags": 'form="ask"', "map": "importmap", "slots": "Enough", "saved": 'data-state="done"'}
CSS = {"looks": "--stream-accent"}
JS = {
    "events": "stream:event",
    "options": "X-Locale",
    "stream": 'stream("/chat"',
    "parse": "parse(response.body)",
    "markdown": "highlight(code, language)",
    "renderer": "renderer(part)",
}


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def snippet(language: str, part: str) -> str:
    [found] = [code for code in snippets(language) if part in code]
    return found


def table(heading: str) -> set[str]:
    """The names in the first column of the table that is next to a text."""
    lines = TEXT.partition(heading)[2].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    names: set[str] = set()
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        names.update(re.findall(r"`([\w:-]+)[^`]*`", line.split("|")[1]))
    return names


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that must neither throw nor do what its policy forbids."""
    yield page
    assert page.evaluate("window.violations ?? []") == []


def open_template(
    page: Page, site: Site, template: str, csp: str = STRICT_CSP, **context: Any
) -> None:
    """Show what the app makes of a template, with the client's files where the site has them."""
    app = Flask("client", static_folder=None)
    app.config["STREAM_URL_PREFIX"] = "/static"
    FlaskStream(app)
    with app.test_request_context():
        html = app.jinja_env.from_string(template).render(context)
    nonce = f' nonce="{context["nonce"]}"' if context else ""
    recorder = f'<script src="/recorder.js"{nonce}></script>'
    site.pages["/"] = (f"{HEAD}{recorder}{html}", csp)
    page.goto(site.url)


def open_module(page: Page, site: Site, name: str, body: str = "") -> None:
    """Run a module snippet in a page of this body, with the import map of the document."""
    script = f"<script type=module>{snippet('js', JS[name])}</script>"
    open_template(page, site, snippet("html", HTML["map"]) + f"<body>{body}{script}", INLINE)


def answer_to(site: Site, path: str = "/answer") -> Exchange:
    return site.request(path).begin().send("start", id="run")


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("flask-stream")).to_have_attribute("data-state", state)


# Its snippets


def test_each_snippet_of_the_clients_page_is_tried() -> None:
    assert set(re.findall(r"^```(\w*)$", TEXT, re.MULTILINE)) == {"", "html", "css", "js"}
    for language, parts in [("html", HTML), ("css", CSS), ("js", JS)]:
        tried = [snippet(language, part) for part in parts.values()]
        assert sorted(tried) == sorted(snippets(language))


def test_the_two_tags_and_a_form_stream_markdown(page: Page, site: Site) -> None:
    open_template(page, site, snippet("html", HTML["tags"]))
    page.get_by_label("Your question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    request = site.request("/chat")
    assert (request.method, request.form) == ("POST", {"question": ["Why?"]})
    request.answer("**Because.**")
    expect(page.locator("strong")).to_have_text("Because.")
    expect(page.locator("flask-stream")).to_have_css("display", "block")  # the style sheet's


def test_a_nonce_is_enough_also_for_what_is_loaded_later(page: Page, site: Site) -> None:
    tags = snippet("html", HTML["tags"])
    template = tags.replace("stream_script()", "stream_script(nonce)")
    assert template != tags
    csp = "default-src 'self'; script-src 'nonce-abc'; require-trusted-types-for 'script'"
    open_template(page, site, template, csp, nonce="abc")
    page.get_by_label("Your question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    answer = answer_to(site, "/chat").send("reasoning", text="Hm.")
    answer.send("text", text="**Because.**").finish("**Because.**")
    expect(page.locator("strong")).to_have_text("Because.")
    expect(page.locator("[data-part=reasoning] > div")).to_have_text("Hm.")


def test_children_of_the_page_are_used(page: Page, site: Site) -> None:
    open_template(page, site, "{{ stream_script() }}" + snippet("html", HTML["slots"]))
    answer = answer_to(site).send("text", text="Hello")
    expect(page.locator("article")).to_have_text("Hello")
    assert page.locator("[data-stream]").count() == 4
    page.get_by_role("button", name="Enough").click()
    expect(page.locator("p[data-stream=status]")).to_have_text("Stopped")
    answer.wait_until_client_left()


def test_an_element_that_comes_as_done_does_not_ask(page: Page, site: Site) -> None:
    open_template(page, site, "{{ stream_script() }}" + snippet("html", HTML["saved"]))
    page.locator("[data-stream=stop]").wait_for(state="attached")
    with pytest.raises(queue.Empty):
        site.request("/answer", timeout=QUIET)
    expect_state(page, "done")
    expect(page.locator("[data-stream=output]")).to_have_text("It was sunny.")


def test_the_looks_can_be_changed(page: Page, site: Site) -> None:
    style = f"<style>{snippet('css', CSS['looks'])}</style>"
    template = f"{{{{ stream_script() }}}} {{{{ stream_style() }}}} {style} {SRC}"
    open_template(page, site, template, INLINE)
    answer = answer_to(site).send("tool_call_start", id="1", name="weather")
    expect(page.locator("[data-part=tool]")).to_be_hidden()
    expect(page.locator("[data-stream=stop]")).to_have_css("color", "rgb(122, 31, 162)")
    answer.cut()
    expect_state(page, "failed")


def test_events_of_the_app_are_heard_and_may_be_prevented(page: Page, site: Site) -> None:
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text))
    open_module(page, site, "events", f"<progress></progress>{SRC}")
    answer = answer_to(site).send("progress", done=1, of=2)
    answer.send("source", url="https://example.org/", title="One")
    answer.send("text", text="Hi")
    expect(page.locator("[data-part=text]")).to_have_text("Hi")
    assert page.locator("progress").evaluate("bar => bar.value") == 0.5
    answer.cut()
    expect_state(page, "failed")
    assert page.locator("[data-part=sources]").count() == 0
    assert warnings[-1].startswith("cut The connection was lost")


def test_options_are_for_every_run(page: Page, site: Site) -> None:
    open_module(page, site, "options", FORM)
    page.click("text=Ask")
    request = site.request("/chat")
    assert request.headers["X-Locale"] == page.evaluate("navigator.language")
    request.answer("Hi")
    expect_state(page, "done")


def test_a_module_reads_a_stream(page: Page, site: Site) -> None:
    open_module(page, site, "stream")
    request = site.request("/chat")
    assert (request.method, request.form) == ("POST", {"question": ["Why?"]})
    request.answer("Because.")
    expect(page.locator("body")).to_have_attribute("data-why", "stop")
    assert "Because." in page.inner_text("body")


def test_a_module_reads_any_server_sent_events(page: Page, site: Site) -> None:
    open_module(page, site, "parse")
    site.request("/events").begin().write(b"id: 7\nevent: price\ndata: 12\n\n").end()
    expect(page.locator("body")).to_contain_text("7 price: 12")


def test_markdown_takes_pictures_links_highlighting_and_math(page: Page, site: Site) -> None:
    open_module(page, site, "markdown", FORM)
    page.click("text=Ask")
    text = "```python\nx = 1\n```\n\n```js\ny\n```\n\n$a$\n\n$$b$$\n\n![A picture](/picture.png)"
    text += "\n\n[Ours](/a) [theirs](https://docs.example.com) [no](https://example.com)"
    site.request("/chat").answer(text)
    picture = site.request("/picture.png")
    assert picture.headers["Referer"] is None
    picture.begin(404, "text/plain").end()
    expect_state(page, "done")
    expect(page.locator("mark")).to_have_text(["x = 1"])
    expect(page.locator("code.language-js")).to_have_text("y\n")
    expect(page.locator("[data-math] > span")).to_have_text("a")
    expect(page.locator("[data-math] > div")).to_have_text("b")
    expect(page.locator("[data-part] a")).to_have_text(["Ours", "theirs"])


def test_a_page_may_bring_its_own_renderer(page: Page, site: Site) -> None:
    open_module(page, site, "renderer", FORM)
    page.click("text=Ask")
    answer = answer_to(site, "/chat").send("text", text="*Roses*")
    expect(page.locator("pre")).to_have_text("*Roses*")
    expect(page.locator("pre.complete")).to_have_count(0)
    answer.finish("*Roses*")
    expect(page.locator("pre.complete")).to_have_text("*Roses*")


# Its tables and links


def test_every_attribute_is_in_the_table() -> None:
    element = (SOURCES / "element.js").read_text()
    element += (SOURCES / "slots.js").read_text()
    read = set(re.findall(r'(?:this|element)\.(?:get|has)Attribute\("([\w-]+)"\)', element))
    assert table("## Attributes") == read


def test_every_child_is_in_the_table() -> None:
    slots = (SOURCES / "slots.js").read_text()
    made = set(re.findall(r'(?:slot|button)\(element, "(\w+)"', slots))
    assert table("## Slots") == made | {"reasoning"}


def test_every_state_is_named() -> None:
    types = (SOURCES / "flask-stream.d.ts").read_text()
    [line] = re.findall(r"^export type State = (.*);", types, re.MULTILINE)
    assert table("## Looks") == set(re.findall(r'"(\w+)"', line))


def test_every_event_of_the_element_is_in_the_table() -> None:
    element = (SOURCES / "element.js").read_text()
    assert table("## Events") == set(re.findall(r'#emit\("(stream:\w+)"', element))


def test_every_code_of_the_client_is_in_the_table() -> None:
    errors = (SOURCES / "errors.js").read_text() + (SOURCES / "refusal.js").read_text()
    codes = set(re.findall(r'(?:StreamError\(|return \[|\? |: )"([a-z_]+)"', errors))
    assert table("## Errors") == codes


def test_every_custom_property_is_named() -> None:
    css = (SOURCES / "flask-stream.css").read_text()
    assert set(re.findall(r"`(--[\w-]+)`", TEXT)) == set(re.findall(r"(--[\w-]+):", css))


def test_the_sizes_are_those_of_the_files() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \| (less than|about) ([\d.]+) KB \|", TEXT, re.MULTILINE)
    assert len(rows) == 8
    for name, how, size in rows:
        built = len(gzip.compress((STATIC / name).read_bytes(), 9)) / 1024
        limit = float(size) if how == "less than" else 1.15 * float(size)
        assert 0.85 * float(size) < built < limit, name


def anchors(file: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_links_of_the_clients_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", re.sub(r"```.*?```", "", TEXT, flags=re.S))
    assert len(links) > 10
    for path, anchor in links:
        file = (DOC.parent / path).resolve() if path else DOC
        assert file.is_file(), path
        assert not anchor or anchor in anchors(file), f"{path}#{anchor}"
