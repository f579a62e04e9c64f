"""What an answer has beside its text: reasoning, tools and sources, in their order."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site
from tests.browser.on_page import expect_state, output, text_of
from tests.browser.on_site import (
    SRC,
    ask_form,
    begin,
    fail,
    parts,
    stop_button,
    texts,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


@pytest.fixture
def answer(page: Page, site: Site) -> Exchange:
    """An answer that has begun, without a word yet."""
    page.goto(site.page(SRC))
    return begin(site)


def finish(page: Page, answer: Exchange, text: str = "") -> None:
    answer.finish(text)
    expect_state(page, "done")


# Reasoning


def test_reasoning_is_folded_and_can_be_opened_while_it_comes(page: Page, answer: Exchange) -> None:
    answer.send("reasoning", text="Let me ").send("reasoning", text="think.\n\n")
    details = page.locator("details[data-part=reasoning]")
    expect(details).to_have_count(1)
    expect(details.locator("summary")).to_have_text("Reasoning")
    thought = details.locator("summary + div")
    expect(thought).to_have_text("Let me think.")
    expect(thought).to_be_hidden()
    expect_state(page, "waiting")
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(thought).to_be_visible()
    answer.send("reasoning", text="Yes.").send("text", text="Because.")
    expect(output(page)).to_contain_text("Because.")
    expect(thought).to_be_visible()
    expect(details.locator("summary")).to_be_focused()
    assert texts(page, "summary + div") == ["Let me think.\n\nYes."]
    assert texts(page, "[data-part=text]") == ["Because."]
    finish(page, answer, "Because.")


def test_reasoning_is_text_whatever_is_in_it(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" render=markdown></flask-stream>'))
    thought = "<img src=x onerror=alert(1)> **bold** [x](javascript:alert(1))\n\n  more"
    answer = begin(site)
    for character in thought:
        answer.send("reasoning", text=character)
    finish(page, answer.send("text", text="**b**"), "**b**")
    assert texts(page, "summary + div") == [thought]
    assert page.locator("[data-part=text] strong").count() == 1
    assert page.locator("details :is(img, a, strong)").count() == 0


def test_reasoning_keeps_its_line_breaks_and_text_begins_anew_behind_it(
    page: Page, answer: Exchange
) -> None:
    for kind, text in [("reasoning", "one"), ("text", "a"), ("reasoning", "two"), ("text", "b")]:
        answer.send(kind, text=text)
    finish(page, answer, "ab")
    assert parts(page) == [
        ("reasoning", "Reasoningone"),
        ("text", "a"),
        ("reasoning", "Reasoningtwo"),
        ("text", "b"),
    ]
    expect(page.locator("summary + div").first).to_have_css("white-space-collapse", "preserve")


@pytest.mark.parametrize("data", ["null", "{}", '{"text": ""}', '{"text": null}', "[]", "1"])
def test_reasoning_without_words_shows_nothing(page: Page, answer: Exchange, data: str) -> None:
    answer.write(f"event: reasoning\ndata: {data}\n\n".encode())
    finish(page, answer.send("text", text="Hi"), "Hi")
    assert parts(page) == [("text", "Hi")]


def test_the_pages_own_place_gets_the_reasoning(page: Page, site: Site) -> None:
    slot = "<aside data-stream=reasoning><h2>Thoughts</h2></aside>"
    page.goto(site.page(ask_form(children=slot)))
    for number, word in enumerate(("one", "two")):
        page.click("text=Ask")
        answer = begin(site, "/chat").send("reasoning", text=f"{word}\n").send("text", text=word)
        expect(output(page)).to_have_text(word)
        answer.send("reasoning", text=f"{word} more").send("text", text="!")
        finish(page, answer, f"{word}!")
        assert texts(page, "aside > *") == ["Thoughts", f"{word}\n", f"{word} more"], number
        assert text_of(page) == f"{word}!"
    assert page.locator("details").count() == 0
    expect(page.locator("aside > [data-part=reasoning]").first).to_be_visible()


def test_with_append_the_pages_place_keeps_what_the_turns_have_thought(
    page: Page, site: Site
) -> None:
    page.goto(site.page(ask_form("append", "<aside data-stream=reasoning></aside>")))
    for word in ("one", "two"):
        page.click("text=Ask")
        answer = begin(site, "/chat").send("reasoning", text=word).send("text", text=word)
        finish(page, answer, word)
    assert texts(page, "aside > *") == ["one", "two"]
    assert texts(page, "[data-turn]") == ["one", "two"]


# Tools


def expect_tool(page: Page, state: str, words: str, number: int = 0) -> None:
    line = page.locator("[data-part=tool]").nth(number)
    expect(line).to_have_attribute("data-state", state)
    expect(line).to_have_text(words)


@pytest.mark.parametrize(
    ("result", "state", "words"),
    [
        ({"result": "21 °C"}, "done", "Used weather"),
        ({"result": "no such city", "is_error": True}, "failed", "weather failed"),
    ],
)
def test_a_tool_is_a_line_that_tells_its_state(
    page: Page, answer: Exchange, result: dict[str, Any], state: str, words: str
) -> None:
    answer.send("tool_call_start", id="t1", name="weather")
    expect_tool(page, "running", "Using weather…")
    answer.send("tool_call_delta", id="t1", arguments='{"city":')
    answer.send("tool_call_delta", id="t1", arguments=' "Berlin"}')
    answer.send("tool_call", id="t1", name="weather", arguments={"city": "Berlin"})
    answer.send("text", text="Let me see.")
    expect(output(page)).to_contain_text("Let me see.")
    expect_tool(page, "running", "Using weather…")
    answer.send("tool_result", id="t1", name="weather", **result)
    expect_tool(page, state, words)
    assert "Berlin" not in text_of(page)
    finish(page, answer, "Let me see.")
    assert page.locator("[data-part=tool]").count() == 1


def test_tools_that_run_at_once_have_a_line_each(page: Page, answer: Exchange) -> None:
    for id, name in (("1", "weather"), ("2", "calendar"), ("3", "map")):
        answer.send("tool_call", id=id, name=name, arguments={})
    expect_tool(page, "running", "Using map…", 2)
    answer.send("tool_result", id="2", result="free")
    expect_tool(page, "done", "Used calendar", 1)
    expect_tool(page, "running", "Using weather…", 0)
    answer.send("tool_result", id="3", result="?", is_error=True)
    answer.send("tool_result", id="1", result="sun")
    expect_tool(page, "done", "Used weather", 0)
    expect_tool(page, "failed", "map failed", 2)
    finish(page, answer)
    assert page.locator("[data-part=tool]").count() == 3


def test_a_call_without_a_result_was_used_when_the_answer_is_done(
    page: Page, answer: Exchange
) -> None:
    answer.send("tool_call", id="1", name="ask_the_page", arguments={})
    expect_tool(page, "running", "Using ask_the_page…")
    answer.send("done", stop_reason="tool_calls", text_length=0).end()
    expect_state(page, "done")
    expect_tool(page, "done", "Used ask_the_page")


@pytest.mark.parametrize("end", ["stop", "cut", "failed"])
def test_a_tool_that_ran_when_the_answer_ended_was_stopped(
    page: Page, answer: Exchange, end: str
) -> None:
    answer.send("tool_call", id="1", name="early", arguments={}).send("tool_result", id="1")
    answer.send("tool_call", id="2", name="weather", arguments={})
    expect_tool(page, "running", "Using weather…", 1)
    if end == "stop":
        stop_button(page).click()
        answer.wait_until_client_left()
    elif end == "cut":
        answer.cut()
    else:
        fail(answer)
    expect_tool(page, "stopped", "weather was stopped", 1)
    expect_tool(page, "done", "Used early")


@pytest.mark.parametrize("name", ["tool_call_delta", "tool_result"])
def test_a_tool_whose_beginning_was_not_told_has_a_line_too(
    page: Page, answer: Exchange, name: str
) -> None:
    answer.send(name, id="1", arguments="{", result="x")
    running = name == "tool_call_delta"
    words = "Using a tool…" if running else "Used a tool"
    expect_tool(page, "running" if running else "done", words)
    finish(page, answer)


@pytest.mark.parametrize("name", ["tool_call_start", "tool_call", "tool_result", "source"])
@pytest.mark.parametrize("data", ["null", "1", "[]", '"x"'])
def test_an_event_without_what_it_should_have_breaks_nothing(
    page: Page, answer: Exchange, name: str, data: str
) -> None:
    answer.write(f"event: {name}\ndata: {data}\n\n".encode())
    finish(page, answer.send("text", text="Hi"), "Hi")
    assert texts(page, "[data-part=text]") == ["Hi"]


def test_a_tools_name_is_text(page: Page, answer: Exchange) -> None:
    answer.send("tool_call", id="1", name="<img src=x onerror=alert(1)>", arguments={})
    expect_tool(page, "running", "Using <img src=x onerror=alert(1)>…")
    finish(page, answer)
    assert page.locator("[data-turn] img").count() == 0


def test_a_tools_name_turns_nothing_about_but_itself(page: Page, answer: Exchange) -> None:
    answer.send("tool_call", id="1", name="\u202eweather", arguments={})
    expect_tool(page, "running", "Using \u202eweather…")
    name = page.locator("[data-part=tool] bdi")
    expect(name).to_have_text("\u202eweather")
    expect(name).to_have_css("unicode-bidi", "isolate")
    finish(page, answer)
    expect(name).to_have_text("\u202eweather")


def test_a_line_is_written_only_when_its_state_changes(page: Page, answer: Exchange) -> None:
    answer.send("tool_call_start", id="1", name="weather")
    expect_tool(page, "running", "Using weather…")
    page.evaluate(
        """() => {
             window.changes = 0;
             const observer = new MutationObserver((records) => (changes += records.length));
             const kinds = { childList: true, characterData: true, attributes: true };
             observer.observe(document.querySelector("[data-turn]"), { ...kinds, subtree: true });
             getSelection().selectAllChildren(document.querySelector("[data-part=tool]"));
           }"""
    )
    for _ in range(50):
        answer.send("tool_call_delta", id="1", arguments="x")
    answer.send("progress", done=1)
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'progress')")
    assert page.evaluate("[changes, String(getSelection())]") == [0, "Using weather…"]
    finish(page, answer)


# Sources


def test_a_sources_title_turns_nothing_about_but_itself(page: Page, answer: Exchange) -> None:
    answer.send("source", url="https://example.org/", title="\u202eA page")
    answer.send("source", document="\u202eHandbook.pdf")
    finish(page, answer)
    titles = page.locator("[data-part=sources] bdi")
    assert titles.all_text_contents() == ["\u202eA page", "\u202eHandbook.pdf"]
    for title in titles.all():
        expect(title).to_have_css("unicode-bidi", "isolate")


def test_sources_are_links_at_the_end_each_once(page: Page, answer: Exchange) -> None:
    answer.send("source", url="https://example.org/a?b=c&d", title="A <b>page</b>")
    answer.send("text", text="One")
    answer.send("source", url="https://example.org/a?b=c&d", title="again", cited_text="words")
    answer.send("source", url="http://example.com/")
    answer.send("source", document="Handbook.pdf", title="Handbook", cited_text="words")
    answer.send("source", document="Notes.txt").send("source", document="Notes.txt")
    answer.send("source", cited_text="nothing to name it by")
    expect(output(page)).to_have_text("One")
    assert page.locator("[data-part=sources]").count() == 0
    finish(page, answer, "One")
    assert [kind for kind, _ in parts(page)] == ["text", "sources"]
    assert texts(page, "ul[data-part=sources] > li") == [
        "A <b>page</b>",
        "http://example.com/",
        "Handbook",
        "Notes.txt",
    ]
    links = page.locator("[data-part=sources] a")
    assert links.evaluate_all("all => all.map((a) => [a.getAttribute('href'), a.rel])") == [
        ["https://example.org/a?b=c&d", "noopener nofollow"],
        ["http://example.com/", "noopener nofollow"],
    ]


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "JAVASCRIPT:1"),
        *("data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://example.org/1"),
        *("//example.org/", "/relative", "", "http://[", "mailto:a@example.org"),
    ],
)
def test_a_source_that_is_no_address_of_the_web_is_words(
    page: Page, answer: Exchange, url: str
) -> None:
    answer.send("source", url=url, title="A title")
    finish(page, answer)
    assert texts(page, "[data-part=sources] > li") == ["A title"]
    assert page.locator("[data-turn] a").count() == 0


@pytest.mark.parametrize("end", ["stop", "cut"])
def test_sources_are_listed_when_the_answer_is_cut_short_too(
    page: Page, answer: Exchange, end: str
) -> None:
    answer.send("source", url="https://example.org/", title="A page").send("text", text="One")
    expect(output(page)).to_have_text("One")
    if end == "cut":
        answer.cut()
    else:
        stop_button(page).click()
        answer.wait_until_client_left()
    expect_state(page, "failed" if end == "cut" else "stopped")
    assert texts(page, "[data-part=sources] > li") == ["A page"]


# In order


@pytest.mark.parametrize("attributes", ["", "render=markdown", "smooth", "transport=eventsource"])
def test_the_parts_of_a_tool_loop_stand_in_the_order_of_their_arrival(
    page: Page, site: Site, attributes: str
) -> None:
    page.goto(site.page(f'<flask-stream src="/answer" {attributes}></flask-stream>'))
    answer = begin(site).send("meta", model="m").send("reasoning", text="I need the weather.")
    answer.send("text", text="I look it up.").send("tool_call_start", id="1", name="weather")
    answer.send("tool_call_delta", id="1", arguments="{}")
    answer.send("tool_call", id="1", name="weather", arguments={})
    answer.send("usage", input_tokens=3).send("tool_result", id="1", result="sun")
    answer.send("source", url="https://example.org/", title="A page")
    answer.send("reasoning", text="It is sunny.").send("text", text="It ").send("text", text="is.")
    answer.send("tool_call", id="2", name="map", arguments={}).send("tool_result", id="2")
    answer.send("text", text="Done.").send("usage", input_tokens=9)
    finish(page, answer, "I look it up.It is.Done.")
    assert [(kind, text.strip()) for kind, text in parts(page)] == [
        ("reasoning", "ReasoningI need the weather."),
        ("text", "I look it up."),
        ("tool", "Used weather"),
        ("reasoning", "ReasoningIt is sunny."),
        ("text", "It is."),
        ("tool", "Used map"),
        ("text", "Done."),
        ("sources", "A page"),
    ]


def test_what_the_page_prevents_it_shows_itself(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream></flask-stream>"))
    page.evaluate(
        """() => document.addEventListener("stream:event", (event) => {
             if (/^(tool_|source)/.test(event.detail.type)) event.preventDefault();
           })"""
    )
    page.locator("flask-stream").evaluate("element => element.setAttribute('src', '/answer')")
    answer = begin(site).send("tool_call", id="1", name="weather", arguments={})
    answer.send("source", url="https://example.org/").send("text", text="Hi")
    finish(page, answer, "Hi")
    assert parts(page) == [("text", "Hi")]
