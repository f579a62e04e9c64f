"""The Retry of `<flask-stream>`: when it is offered, and what it sends.

A prompt costs money: nothing but a reader, or the page's own code, asks twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site
from tests.browser.on_page import (
    element,
    expect_state,
    output,
    retry_button,
    seen,
    status,
    text_of,
)
from tests.browser.on_site import (
    SRC,
    STYLE,
    Asked,
    ask_form,
    begin,
    fail,
    parts,
    stop_button,
    streaming,
    texts,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(strict_page: Page) -> Page:
    """A page whose timers the test can put forward."""
    strict_page.clock.install()
    return strict_page


@pytest.fixture
def asked(page: Page) -> Asked:
    return Asked(page)


def refuse(request: Exchange, status: int = 503, **headers: str) -> None:
    request.begin(status, "application/json", **headers).write(b"{}").end()


def fail_once(page: Page, site: Site, path: str = "/chat") -> Exchange:
    """Let the request that has been made fail after a word, so that it can be retried."""
    answer = streaming(site, path)
    expect(output(page)).to_contain_text("Hello ")
    fail(answer)
    expect_state(page, "failed")
    return answer


# When it is offered

ENDINGS: dict[str, tuple[Callable[[Exchange], object], bool]] = {
    "failed, retryable": (lambda r: fail(r.begin(), retryable=True), True),
    "failed, not retryable": (lambda r: fail(r.begin(), retryable=False), False),
    "cut": (lambda r: r.begin().send("text", text="Hi").cut(), True),
    "ended without an end": (lambda r: r.begin().send("text", text="Hi").end(), True),
    "shorter than it says": (lambda r: r.begin().finish("lost"), True),
    "not JSON": (lambda r: r.begin().write(b"event: text\ndata: {\n\n"), False),
    "no answer": (lambda r: r.cut(), True),
    "408": (lambda r: refuse(r, 408), True),
    "429": (lambda r: refuse(r, 429), True),
    "500": (lambda r: refuse(r, 500), True),
    "503": (lambda r: refuse(r, 503), True),
    "400": (lambda r: refuse(r, 400), False),
    "401": (lambda r: refuse(r, 401), False),
    "404": (lambda r: refuse(r, 404), False),
    "no content": (lambda r: r.begin(204).cut(), False),
    "a page": (lambda r: r.begin(content_type="text/html").write(b"<p>").end(), False),
    "done": (lambda r: r.answer("Hi"), False),
    "length": (
        lambda r: r.begin().send("done", stop_reason="length", text_length=0).end(),
        False,
    ),
}


@pytest.mark.parametrize(("end", "offered"), ENDINGS.values(), ids=ENDINGS)
def test_retry_is_offered_where_asking_again_may_help(
    page: Page, site: Site, end: Callable[[Exchange], object], offered: bool
) -> None:
    page.goto(site.page(ask_form()))
    expect(retry_button(page)).to_be_hidden()
    page.click("text=Ask")
    request = site.request("/chat")
    expect(retry_button(page)).to_be_hidden()
    end(request)
    expect(element(page)).to_have_attribute("data-state", re.compile("^(done|failed)$"))
    expect(retry_button(page)).to_be_visible(visible=offered)
    if offered:
        expect(retry_button(page)).to_be_enabled()
    errors = seen(page, "error")
    assert [error["retryable"] for error in errors] == [offered] * len(errors)


def test_a_run_that_was_stopped_offers_no_retry(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(retry_button(page)).to_be_hidden()


# What it sends


def test_a_retry_sends_what_was_sent_whatever_the_form_holds_now(
    page: Page, site: Site, asked: Asked
) -> None:
    token = "<input type=hidden name=csrf_token value=secret>"
    head = '<meta name="csrf-token" content="of-the-page">'
    page.goto(site.page(ask_form(fields=token), head=head))
    page.click("text=Ask")
    first = fail_once(page, site)
    page.fill("[name=q]", "something else")
    retry_button(page).click()
    again = site.request("/chat")
    again.answer("Fine")
    expect_state(page, "done")
    assert text_of(page) == "Fine"
    assert again.form == first.form == {"q": ["hi"], "csrf_token": ["secret"]}
    for name in ("Content-Type", "Accept", "X-CSRFToken"):
        assert again.headers[name] == first.headers[name] is not None
    asked.expect("POST /chat", "POST /chat")


def test_a_retry_sends_files_again(page: Page, site: Site) -> None:
    form = ask_form(fields="<input type=file name=notes>")
    page.goto(site.page(form.replace("<form", "<form enctype='multipart/form-data'")))
    notes: Any = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"in the file"}
    page.set_input_files("[name=notes]", notes)
    page.click("text=Ask")
    first = fail_once(page, site)
    retry_button(page).click()
    again = site.request("/chat")
    again.answer("Fine")
    expect_state(page, "done")

    def fields(request: Exchange) -> bytes:
        boundary = request.headers["Content-Type"].partition("boundary=")[2]
        return request.body.replace(boundary.encode(), b"")

    assert fields(again) == fields(first)
    assert b"in the file" in again.body


def test_a_src_is_got_again(page: Page, site: Site, asked: Asked) -> None:
    page.goto(site.page(SRC.replace("/answer", "/answer?q=1")))
    first = fail_once(page, site, "/answer")
    retry_button(page).click()
    again = site.request("/answer")
    again.answer("Fine")
    expect_state(page, "done")
    assert (again.method, again.query) == (first.method, first.query) == ("GET", {"q": ["1"]})
    asked.expect("GET /answer", "GET /answer")


def test_what_the_pages_script_started_is_sent_again_with_a_header_that_is_new(
    page: Page, site: Site
) -> None:
    page.goto(site.page("<flask-stream></flask-stream>"))
    element(page).evaluate(
        """element => {
             let asked = 0;
             const headers = () => ({ "X-Asked": ++asked, "Content-Type": "application/json" });
             element.start("/chat", { method: "POST", body: '{"q": 1}', headers });
           }"""
    )
    site.request("/chat").cut()
    expect_state(page, "failed")
    retry_button(page).click()
    again = site.request("/chat")
    again.answer("Fine")
    expect_state(page, "done")
    assert (again.method, again.body, again.headers["X-Asked"]) == ("POST", b'{"q": 1}', "2")
    assert again.headers["Content-Type"] == "application/json"


# How often, and where its answer goes


def test_each_retry_is_counted_until_something_new_is_asked(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    for number in (1, 2, 3):
        fail_once(page, site)
        assert [error["attempt"] for error in seen(page, "error")] == [1, 2, 3][:number]
        if number < 3:
            retry_button(page).click()
    page.click("text=Ask")
    fail_once(page, site)
    assert [error["attempt"] for error in seen(page, "error")] == [1, 2, 3, 1]
    assert seen(page, "retry") == [{"attempt": 2}, {"attempt": 3}]


def test_a_retry_is_told_before_it_is_sent(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    fail_once(page, site)
    page.evaluate(
        """() => document.addEventListener("stream:retry", ({ target }) => {
             window.told = [target.localName, target.dataset.state];
           })"""
    )
    retry_button(page).click()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
    assert page.evaluate("told") == ["flask-stream", "failed"]
    types = [event["type"] for event in page.evaluate("seen")]
    told = types.index("stream:retry")
    assert types[told - 1 : told + 2] == ["stream:error", "stream:retry", "stream:open"]


def test_the_answer_takes_the_place_of_the_one_that_failed(page: Page, site: Site) -> None:
    reasoning = "<aside data-stream=reasoning></aside>"
    page.goto(site.page(ask_form("append", reasoning)))
    page.click("text=Ask")
    site.request("/chat").answer("one")
    expect_state(page, "done")
    for word in ("wrong", "worse"):
        page.click("text=Ask") if word == "wrong" else retry_button(page).click()
        answer = begin(site, "/chat").send("reasoning", text=f"{word} thought")
        answer.send("tool_call", id="1", name="lookup", arguments={})
        answer.send("source", url="https://example.org/", title=word).send("text", text=word)
        fail(answer)
        expect_state(page, "failed")
        expect(page.locator("[data-part=sources]")).to_have_text(word)
        assert texts(page, "aside > *") == [f"{word} thought"]
    retry_button(page).click()
    begin(site, "/chat").send("reasoning", text="a thought").send("text", text="two").finish("two")
    expect_state(page, "done")
    assert texts(page, "[data-turn]") == ["one", "two"]
    assert texts(page, "aside > *") == ["a thought"]


@pytest.mark.parametrize("attributes", ["", "append"])
def test_a_retry_that_is_refused_leaves_what_had_come(
    page: Page, site: Site, attributes: str
) -> None:
    page.goto(site.page(ask_form(attributes)))
    page.click("text=Ask")
    fail_once(page, site)
    for _ in range(2):
        retry_button(page).click()
        request = site.request("/chat")
        expect(output(page)).to_have_text("Hello ")
        refuse(request, 503)
        expect_state(page, "failed")
        expect(output(page)).to_have_text("Hello ")
    retry_button(page).click()
    answer = begin(site, "/chat").send("start")
    expect(output(page)).to_have_text("")
    answer.send("text", text="Fine").finish("Fine")
    expect_state(page, "done")
    expect(output(page)).to_have_text("Fine")


def test_a_new_question_leaves_the_failed_answer_where_it_is(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form("append")))
    page.click("text=Ask")
    fail_once(page, site)
    page.click("text=Ask")
    site.request("/chat").answer("two")
    expect_state(page, "done")
    assert texts(page, "[data-turn]") == ["Hello ", "two"]


def test_words_that_have_come_and_are_not_painted_yet_do_not_outlive_a_retry(
    page: Page, site: Site
) -> None:
    page.goto(site.page(ask_form()))
    page.evaluate(
        """() => document.addEventListener("stream:event", ({ target, detail }) => {
             if (detail.data.text !== "late") return;
             target.stop();
             target.retry();
           })"""
    )
    page.click("text=Ask")
    answer = streaming(site, "/chat").send("text", text="late")
    answer.wait_until_client_left()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
    assert text_of(page) == "Fine"


# Retry-After


def test_retry_waits_as_long_as_the_server_wants_and_counts_down(
    page: Page, site: Site, asked: Asked
) -> None:
    page.goto(site.page(ask_form()))
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.click("text=Ask")
    refuse(site.request("/chat"), 429, Retry_After="3")
    button = retry_button(page)
    expect(button).to_be_visible()
    for left in ("3 s", "2 s", "1 s"):
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("data-wait", left)  # its file may be loading
        button.dispatch_event("click")  # as some libraries do, whatever is disabled
        page.clock.run_for(1000)
    expect(button).to_be_enabled()
    assert button.get_attribute("data-wait") is None
    asked.expect("POST /chat")
    button.click()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
    assert seen(page, "retry") == [{"attempt": 2}]


def test_a_page_may_have_a_retry_that_is_no_button(page: Page, site: Site, asked: Asked) -> None:
    own = "<a href='#' data-stream=retry><b>Once more</b></a>"
    page.goto(site.page(ask_form(children=own)))
    page.click("text=Ask")
    refuse(site.request("/chat"), 503, Retry_After="60")
    expect(retry_button(page)).to_have_attribute("data-wait", re.compile(r"^(60|5\d) s$"))
    page.click("b")
    page.clock.run_for(61_000)
    expect(retry_button(page)).not_to_have_attribute("data-wait", "1 s")
    asked.expect("POST /chat")
    page.click("b")
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
    asked.expect("POST /chat", "POST /chat")


@pytest.mark.parametrize(
    "value", ["0", "soon", "-5", "", "1.5", formatdate(0, usegmt=True)], ids=lambda value: value
)
def test_a_retry_after_that_asks_for_no_wait_makes_none(page: Page, site: Site, value: str) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    refuse(site.request("/chat"), 503, Retry_After=value)
    expect(retry_button(page)).to_be_visible()
    expect(retry_button(page)).to_be_enabled()
    assert retry_button(page).get_attribute("data-wait") is None


def test_the_wait_is_that_of_the_last_failure(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    refuse(site.request("/chat"), 503, Retry_After="3600")
    expect(retry_button(page)).to_be_disabled()
    page.click("text=Ask")  # a reader may ask something else meanwhile
    answer = streaming(site, "/chat")
    expect_state(page, "streaming")
    page.clock.run_for(5000)
    expect(retry_button(page)).to_be_hidden()
    fail(answer)
    expect(retry_button(page)).to_be_enabled()
    assert retry_button(page).get_attribute("data-wait") is None


# Never by itself


@pytest.mark.parametrize("end", ["cut", "refuse", "drop"])
@pytest.mark.parametrize("body", [ask_form(), SRC], ids=["POST", "GET"])
def test_nothing_is_asked_again_by_itself(
    page: Page, site: Site, asked: Asked, body: str, end: str
) -> None:
    page.goto(site.page(body))
    path = "/answer" if body == SRC else "/chat"
    if path == "/chat":
        page.click("text=Ask")
    if end == "cut":
        streaming(site, path).cut()
    elif end == "refuse":
        refuse(site.request(path), 503, Retry_After="1")
    else:
        site.request(path).cut()
    expect_state(page, "failed")
    page.evaluate(
        """() => {
             for (const type of ["online", "pageshow", "focus"]) dispatchEvent(new Event(type));
             document.dispatchEvent(new Event("visibilitychange"));
             document.body.append(document.querySelector("flask-stream"));
           }"""
    )
    asked.expect("GET /answer" if body == SRC else "POST /chat")
    expect_state(page, "failed")
    expect(retry_button(page)).to_be_visible()


def test_a_double_click_asks_once(page: Page, site: Site, asked: Asked) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    fail_once(page, site)
    # Where Retry was, Stop may come under the pointer.
    style = "position: fixed; inset: 0 auto auto 0; width: 90px; height: 40px"
    for button in (retry_button(page), stop_button(page)):
        button.evaluate("(button, style) => { button.style.cssText = style }", style)
    page.mouse.dblclick(20, 20)
    streaming(site, "/chat").finish("Hello ")
    expect_state(page, "done")
    asked.expect("POST /chat", "POST /chat")


# From the page's own code


def test_retry_does_nothing_before_there_was_a_request_or_while_one_runs(
    page: Page, site: Site, asked: Asked
) -> None:
    page.goto(site.page(ask_form()))
    element(page).evaluate("element => element.retry()")
    asked.expect()
    expect_state(page, "idle")
    page.click("text=Ask")
    request = site.request("/chat")
    element(page).evaluate("element => element.retry()")
    answer = request.begin().send("text", text="Hello ")
    expect(output(page)).to_have_text("Hello ")
    element(page).evaluate("element => element.retry()")
    answer.finish("Hello ")
    expect_state(page, "done")
    assert seen(page, "retry") == []
    asked.expect("POST /chat")


@pytest.mark.parametrize("end", ["done", "stopped", "failed for good", "waiting"])
def test_the_page_may_retry_whatever_the_end_was(page: Page, site: Site, end: str) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    request = site.request("/chat")
    if end == "done":
        request.answer("Hi")
    elif end == "stopped":
        request.begin().send("text", text="Hello ")
        expect(output(page)).to_have_text("Hello ")
        stop_button(page).click()
        request.wait_until_client_left()
    elif end == "failed for good":
        fail(request.begin(), retryable=False)
    else:
        refuse(request, Retry_After="3600")
    expect(element(page)).to_have_attribute(
        "data-state", end.split()[0].replace("waiting", "failed")
    )
    element(page).evaluate("element => element.retry()")
    again = site.request("/chat")
    expect(retry_button(page)).to_be_hidden()
    again.answer("Fine")
    expect_state(page, "done")
    assert (text_of(page), again.body) == ("Fine", request.body)
    assert seen(page, "retry") == [{"attempt": 2}]


def test_a_retry_that_cannot_be_sent_is_told(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    element(page).evaluate(
        """element => {
             let asked = 0;
             element.options = {
               headers() {
                 if (++asked === 2) throw new Error("no token today");
                 return {};
               },
             };
           }"""
    )
    page.click("text=Ask")
    fail_once(page, site)
    retry_button(page).click()
    expect(status(page)).to_have_text("no token today")
    expect_state(page, "failed")


# Keyboard and focus


def test_a_failure_leaves_the_focus_where_it_is(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.focus("[name=q]")
    page.keyboard.press("Enter")
    fail_once(page, site)
    expect(retry_button(page)).to_be_visible()
    expect(page.locator("[name=q]")).to_be_focused()


@pytest.mark.parametrize("key", ["Enter", " "])
def test_retry_by_keyboard_takes_the_reader_to_the_answer(page: Page, site: Site, key: str) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    fail_once(page, site)
    retry_button(page).focus()
    page.keyboard.press(key)
    answer = streaming(site, "/chat", "Fine")
    expect(output(page)).to_be_focused()
    expect(retry_button(page)).to_be_hidden()
    answer.finish("Fine")
    expect_state(page, "done")
    expect(output(page)).to_be_focused()


def test_a_failure_under_a_focused_stop_takes_the_focus_to_the_answer(
    page: Page, site: Site
) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    stop_button(page).focus()
    fail(answer)
    expect_state(page, "failed")
    expect(output(page)).to_be_focused()
    page.keyboard.press("Tab")
    expect(retry_button(page)).to_be_focused()


@pytest.mark.parametrize(
    ("stop_reason", "words"),
    [
        ("refusal", "The model declined to answer"),
        ("stop", "The answer is empty"),
        ("length", "The answer reached its length limit"),
        ("pause", "The model paused before the end of its answer"),
        ("constructor", "The answer is empty"),
    ],
)
def test_an_answer_without_a_word_says_why_in_its_status(
    page: Page, site: Site, stop_reason: str, words: str
) -> None:
    page.goto(site.page(ask_form(), head=STYLE))
    page.click("text=Ask")
    answer = begin(site, "/chat").send("meta", model="m").send("usage", input_tokens=1)
    answer.send("done", stop_reason=stop_reason, text_length=0).end()
    expect_state(page, "done")
    expect(status(page)).to_have_text(words)
    box = status(page).bounding_box()  # with our style sheet too
    assert box is not None
    assert box["width"] > 20


@pytest.mark.parametrize("name", ["text", "reasoning"])
def test_an_answer_of_white_space_or_thoughts_alone_is_empty(
    page: Page, site: Site, name: str
) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    text = " \n " if name == "text" else "Hm."
    answer = begin(site, "/chat").send(name, text=text)
    answer.send("done", stop_reason="stop", text_length=3 if name == "text" else 0).end()
    expect_state(page, "done")
    expect(status(page)).to_have_text("The answer is empty")


def test_an_answer_that_only_calls_a_tool_is_not_empty(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    answer = begin(site, "/chat").send("tool_call", id="1", name="t", arguments={})
    answer.send("done", stop_reason="tool_calls", text_length=0).end()
    expect_state(page, "done")
    expect(status(page)).to_have_text("Complete")


@pytest.mark.parametrize("name", ["text", "reasoning"])
def test_a_part_of_its_own_does_not_begin_with_empty_lines(
    page: Page, site: Site, name: str
) -> None:
    """The blank line that sets texts off is for those who see nothing between them."""
    page.goto(site.page(SRC))
    answer = begin(site).send("text" if name == "text" else "reasoning", text="\n \nfirst")
    answer.send("tool_call", id="1", name="t", arguments={})
    answer.send(name, text="\n").send(name, text="\n second\n\n").send(name, text="\nlast")
    length = len("\n \nfirst\n\n second\n\n\nlast") if name == "text" else 0
    answer.send("done", stop_reason="stop", text_length=length).end()
    expect_state(page, "done")
    shown = [text.removeprefix("Reasoning") for kind, text in parts(page) if kind == name]
    assert shown == ["first", " second\n\n\nlast"]


def test_the_words_of_the_failure_are_those_of_the_server(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    facts = {"code": "busy", "message": "The model is busy.", "retryable": True}
    request = site.request("/chat")
    request.begin(503, "application/json").write(json.dumps(facts).encode()).end()
    expect(status(page)).to_have_text("The model is busy.")
    retry_button(page).click()
    answer = begin(site, "/chat")
    expect_state(page, "waiting")
    expect(status(page)).to_have_text("Generating…")
    answer.send("text", text="Hi").finish("Hi")
    expect_state(page, "done")
    expect(status(page)).to_have_text("Complete")
