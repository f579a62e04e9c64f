"""`<flask-stream>` in a real Chromium, under a strict policy, against a server that misbehaves."""

from __future__ import annotations

import json
import queue
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.client_server import CLIENT, HEAD, Exchange, Site, frame
from tests.browser.on_page import element, expect_state, output, seen, status, text_of

pytestmark = pytest.mark.browser

QUIET = 1.0  # how long a request that must not come is waited for
SRC = '<flask-stream src="/answer"></flask-stream>'
ASK = '<form id=ask method=post action="/chat"><input name=q value=hi><button>Ask</button></form>'
FORM = f'{ASK}<flask-stream form="ask"></flask-stream>'


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that must neither throw nor do what its policy forbids."""
    yield page
    assert page.evaluate("window.violations ?? []") == []


def stop_button(page: Page) -> Locator:
    return page.locator("[data-stream=stop]")


def streaming(site: Site, path: str = "/answer", text: str = "Hello ") -> Exchange:
    """Answers the next request with a first word, and no end yet."""
    return site.request(path).begin().send("start", id="run").send("text", text=text)


# A whole run


def test_words_are_on_the_page_while_the_server_is_still_sending(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = site.request("/answer")
    expect_state(page, "connecting")
    answer.begin().send("start", id="run")
    expect_state(page, "waiting")
    expect(output(page)).to_have_attribute("aria-busy", "true")
    answer.send("text", text="Hello ")
    expect(output(page)).to_have_text("Hello ")
    expect_state(page, "streaming")
    expect(stop_button(page)).to_be_visible()
    answer.send("text", text="world").finish("Hello world")
    expect_state(page, "done")
    assert text_of(page) == "Hello world"
    expect(output(page)).to_have_attribute("aria-busy", "false")
    expect(stop_button(page)).to_be_hidden()
    expect(status(page)).to_have_text("Complete")


def test_a_run_is_told_in_events_that_bubble(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    site.request("/answer").answer("Hi")
    expect_state(page, "done")
    assert [event["type"] for event in page.evaluate("seen")] == [
        "stream:open",
        "stream:event",
        "stream:event",
        "stream:event",
        "stream:done",
    ]
    assert seen(page, "event")[1] == {"type": "text", "data": {"text": "Hi"}, "id": ""}
    assert seen(page, "done") == [{"stop_reason": "stop", "text_length": 2}]


@pytest.mark.parametrize(
    "text",
    [
        "one\n\ntwo\n\n\n\nthree\n",
        "\n\n\nfirst\n \nlast\n\n",
        "  spaces\tand\r\nCRs\r\n\r\n",
        "<img src=x onerror=alert(1)><script>alert(2)</script> &amp; &lt;",
        "😀 e\u0301 👩‍💻 \u202eرlt \x00 end",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_the_output_is_the_text_exactly(page: Page, site: Site, text: str, size: int) -> None:
    page.goto(site.page(SRC))
    answer = site.request("/answer").begin().send("start", id="run")
    for start in range(0, len(text), size):
        answer.send("text", text=text[start : start + size])
    answer.finish(text)
    expect_state(page, "done")
    assert text_of(page) == text.lstrip("\n")  # a part does not begin with empty lines
    assert output(page).evaluate("output => output.querySelectorAll('img, script').length") == 0


def test_a_long_text_is_in_blocks_that_end_at_blank_lines(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = site.request("/answer").begin().send("start", id="run")
    long = "word " * 400
    pieces = [f"short\n\n{long}\n", "\ntwo\ntwo\n\n", "three"]
    for text in pieces:
        answer.send("text", text=text)
        expect(output(page)).to_contain_text(text.split()[-1])
    answer.finish("".join(pieces))
    expect_state(page, "done")
    blocks = page.locator("[data-part=text] > *").evaluate_all(
        "blocks => blocks.map(b => b.textContent)"
    )
    assert blocks == [f"short\n\n{long}\n\n", "two\ntwo\n\nthree"]


def test_blocks_look_like_the_text_in_one_piece(page: Page, site: Site) -> None:
    paragraph = "word " * 400
    text = f"one\n\n{paragraph}\n\n\nthree\n{paragraph}\n\nfour"
    page.goto(site.page(f"{SRC}<div id=whole></div>"))
    answer = site.request("/answer").begin().send("start", id="run")
    for piece in re.split(r"(?<=\n\n)", text):
        answer.send("text", text=piece)
        expect(output(page)).to_contain_text(piece.split()[-1] if piece.strip() else "")
    answer.finish(text)
    expect_state(page, "done")
    assert page.locator("[data-part=text] > *").count() > 1
    height = page.evaluate(
        """text => {
             const whole = document.getElementById("whole");
             whole.style.whiteSpace = "pre-wrap";
             whole.textContent = text;
             return whole.offsetHeight;
           }""",
        text,
    )
    assert page.locator("[data-turn]").evaluate("turn => turn.offsetHeight") == height


def test_many_deltas_are_painted_once_a_frame(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site, text="0")
    expect(output(page)).to_have_text("0")
    page.evaluate(
        """() => {
             window.paints = 0;
             const observer = new MutationObserver((records) => (paints += records.length));
             const everything = { subtree: true, childList: true, characterData: true };
             observer.observe(document.querySelector("[data-turn]"), everything);
           }"""
    )
    deltas = 2000
    answer.write(b"".join(frame("text", text="x") for _ in range(deltas)))
    answer.finish("0" + "x" * deltas)
    expect_state(page, "done")
    assert text_of(page) == "0" + "x" * deltas
    assert page.evaluate("paints") < deltas / 10


def test_a_hidden_page_is_painted_without_frames(page: Page, site: Site) -> None:
    page.add_init_script(
        """Object.defineProperty(document, "hidden", { value: true });
           window.requestAnimationFrame = () => 1;"""
    )
    page.goto(site.page(SRC))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    answer.finish("Hello ")
    expect_state(page, "done")


def test_a_refusal_is_shown(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = site.request("/answer").begin().send("start", id="run")
    answer.send("refusal", text="I cannot help with that.")
    answer.send("done", stop_reason="refusal", text_length=0).end()
    expect_state(page, "done")
    assert text_of(page) == "I cannot help with that."


def test_an_answer_that_hit_its_length_limit_says_so(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    streaming(site).send("done", stop_reason="length", text_length=6).end()
    expect(status(page)).to_have_text("The answer reached its length limit")
    expect(element(page)).to_have_attribute("data-stop-reason", "length")


# Endings


def test_stop_closes_the_connection_and_keeps_the_text(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(status(page)).to_have_text("Stopped")
    assert text_of(page) == "Hello "
    assert len(seen(page, "stop")) == 1


def test_the_second_click_of_a_double_click_on_send_does_not_stop(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    style = "position: fixed; inset: 0 auto auto 0; width: 90px; height: 40px"
    for part in ("#ask button", "[data-stream=stop]"):
        page.locator(part).evaluate("(part, style) => { part.style.cssText = style }", style)
    page.mouse.dblclick(20, 20)
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    expect_state(page, "streaming")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")


def test_the_focus_goes_from_stop_to_the_output(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    stop_button(page).focus()
    page.keyboard.press("Enter")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(output(page)).to_be_focused()
    expect(output(page)).to_have_attribute("tabindex", "-1")


def test_the_focus_stays_where_the_reader_has_put_it(page: Page, site: Site) -> None:
    page.goto(site.page(f"<input>{SRC}"))
    page.locator("input").focus()
    site.request("/answer").answer("Hi")
    expect_state(page, "done")
    expect(page.locator("input")).to_be_focused()


@pytest.mark.parametrize("data", ["null", "{}", '{"text": null}', "[]", "1"])
def test_a_text_event_without_text_says_nothing(page: Page, site: Site, data: str) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site)
    answer.write(f"event: text\ndata: {data}\n\n".encode()).finish("Hello ")
    expect_state(page, "done")
    assert text_of(page) == "Hello "


def test_a_done_event_without_data_is_an_end(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    streaming(site).write(b"event: done\ndata: null\n\n").end()
    expect_state(page, "done")
    expect(status(page)).to_have_text("Complete")
    assert element(page).get_attribute("data-stop-reason") is None
    assert seen(page, "done") == [None]


@pytest.mark.parametrize("data", ["null", '{"code": null, "message": null, "retryable": null}'])
def test_a_failed_event_without_words_has_ours(page: Page, site: Site, data: str) -> None:
    page.goto(site.page(SRC))
    streaming(site).write(f"event: failed\ndata: {data}\n\n".encode()).end()
    expect(status(page)).to_have_text("The answer failed.")
    assert seen(page, "error")[0]["code"] == "failed"


@pytest.mark.parametrize("how", ["cut", "end"])
def test_a_cut_answer_is_kept_and_said_to_be_cut_off(page: Page, site: Site, how: str) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    getattr(answer, how)()
    expect_state(page, "failed")
    expect(status(page)).to_contain_text("cut off")
    assert text_of(page) == "Hello "
    (error,) = seen(page, "error")
    assert (error["code"], error["status"], error["retryable"]) == ("cut", None, True)


def test_a_failure_told_by_the_server_is_shown(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    facts = {"code": "overloaded", "message": "Try later.", "retryable": True}
    streaming(site).send("failed", **facts).end()
    expect(status(page)).to_have_text("Try later.")
    assert text_of(page) == "Hello "
    assert seen(page, "error") == [{**facts, "status": None, "attempt": 1}]


def test_an_http_error_is_shown_by_its_message(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    page.click("text=Ask")
    facts = {"code": "quota", "message": "Quota used up.", "retryable": False}
    site.request("/chat").begin(403, "application/json").write(json.dumps(facts).encode()).end()
    expect(status(page)).to_have_text("Quota used up.")
    expect_state(page, "failed")
    assert seen(page, "error") == [{**facts, "status": 403, "attempt": 1}]
    assert seen(page, "open") == []


def test_a_redirect_to_a_login_page_is_auth(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    site.page("Sign in", path="/login")
    page.click("text=Ask")
    site.request("/chat").begin(302, Location="/login").end()
    expect(status(page)).to_contain_text("Sign in")
    assert seen(page, "error")[0]["code"] == "auth"


def test_a_204_is_explained(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    site.request("/answer").begin(204).cut()
    expect(status(page)).to_contain_text("not run this request again")
    assert seen(page, "error")[0]["status"] == 204


def test_a_server_that_is_gone_is_said_to_be_unreachable(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    page.click("text=Ask")
    site.request("/chat").cut()
    expect(status(page)).to_have_text("The server could not be reached.")
    with pytest.raises(queue.Empty):  # a POST is never sent twice
        site.request("/chat", timeout=QUIET)


# Forms


def test_a_form_is_sent_the_way_the_browser_would(page: Page, site: Site) -> None:
    form = """<form id=ask method=post action="/chat">
      <input type=hidden name=csrf_token value=secret>
      <input name=method value=shadow><input name=action value=shadow><input name=id value=shadow>
      <textarea name=q>one\ntwo é&=</textarea><input type=file name=attachment>
      <input type=checkbox name=box checked><input name=off value=1 disabled>
      <button name=go value=first>First</button><button name=go value=second>Second</button>
      </form>"""
    page.goto(site.page(f'{form}<flask-stream form="ask"></flask-stream>'))
    page.click("text=Second")
    ours = site.request("/chat")
    ours.answer("Hi")
    expect_state(page, "done")
    page.evaluate("document.querySelector('flask-stream').remove()")
    page.click("text=Second", no_wait_after=True)
    browsers = site.request("/chat")
    browsers.begin(content_type="text/html").write(b"ok").end()
    page.wait_for_url("**/chat")
    assert ours.method == "POST"
    assert ours.form["q"] == ["one\r\ntwo é&="]
    assert ours.form["go"] == ["second"]
    assert ours.body == browsers.body
    assert ours.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert ours.headers["X-CSRFToken"] is None, (
        "the form's own field counts first, and is in the body"
    )
    assert ours.headers["Accept"] == "text/event-stream"


def test_a_multipart_form_is_sent_with_its_files(page: Page, site: Site) -> None:
    form = """<form id=ask method=post action="/chat" enctype="multipart/form-data">
      <input type=hidden name=csrf_token value=secret><input type=file name=attachment>
      <button>Ask</button></form>"""
    page.goto(site.page(f'{form}<flask-stream form="ask"></flask-stream>'))
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"in the file"}
    page.set_input_files("[name=attachment]", notes)
    page.click("text=Ask")
    request = site.request("/chat")
    request.answer("Hi")
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'filename="notes.txt"' in request.body
    assert b"in the file" in request.body
    assert b"csrf_token" in request.body
    expect_state(page, "done")


def test_a_get_form_goes_into_the_query(page: Page, site: Site) -> None:
    form = '<form id=ask action="/chat?old=1"><input name=q value="a b"><button>Ask</button></form>'
    page.goto(site.page(f'{form}<flask-stream form="ask"></flask-stream>'))
    page.click("text=Ask")
    request = site.request("/chat")
    request.answer("Hi")
    assert (request.method, request.query) == ("GET", {"q": ["a b"]})
    assert request.headers["X-CSRFToken"] is None
    expect_state(page, "done")


def test_the_button_pressed_may_say_where_and_how(page: Page, site: Site) -> None:
    form = """<form id=ask method=get action="/chat"><input name=q value=hi>
      <button formaction="/other" formmethod=post formenctype="multipart/form-data">Other</button>
      </form>"""
    page.goto(site.page(f'{form}<flask-stream form="ask"></flask-stream>'))
    page.click("text=Other")
    request = site.request("/other")
    request.answer("Hi")
    assert request.method == "POST"
    assert request.headers["Content-Type"].startswith("multipart/form-data")
    expect_state(page, "done")


def test_the_pages_own_token_is_sent_where_the_form_has_none(page: Page, site: Site) -> None:
    page.goto(site.page(FORM, head='<meta name="csrf-token" content="of-the-page">'))
    page.click("text=Ask")
    request = site.request("/chat")
    request.answer("Hi")
    assert request.headers["X-CSRFToken"] == "of-the-page"
    expect_state(page, "done")


def test_a_submit_during_a_run_is_ignored(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    page.click("text=Ask")
    with pytest.raises(queue.Empty):
        site.request("/chat", timeout=QUIET)
    answer.finish("Hello ")
    expect_state(page, "done")


def test_a_submit_that_the_page_prevented_is_left_alone(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    page.evaluate(
        """document.getElementById("ask").addEventListener("submit", (e) => e.preventDefault())"""
    )
    page.click("text=Ask")
    with pytest.raises(queue.Empty):
        site.request("/chat", timeout=QUIET)
    expect_state(page, "idle")


def test_another_form_is_left_alone(page: Page, site: Site) -> None:
    other = '<form action="/elsewhere"><button>Go</button></form>'
    page.goto(site.page(FORM + other))
    page.click("text=Go", no_wait_after=True)
    site.request("/elsewhere").begin(content_type="text/html").write(b"ok").end()
    page.wait_for_url("**/elsewhere?")


@pytest.mark.parametrize("attribute", ['src="/answer"', 'form=""', ""])
def test_a_form_without_an_id_is_not_that_of_an_element_without_a_form(
    page: Page, site: Site, attribute: str
) -> None:
    other = '<form action="/elsewhere"><button>Go</button></form>'
    page.goto(site.page(f"<flask-stream {attribute}></flask-stream>{other}"))
    if "src" in attribute:
        site.request("/answer").answer("Hi")
        expect_state(page, "done")
    page.click("text=Go", no_wait_after=True)
    site.request("/elsewhere").begin(content_type="text/html").write(b"ok").end()
    page.wait_for_url("**/elsewhere?")


@pytest.mark.parametrize(
    "form",
    [
        "<form id=ask method=dialog><button>Close</button></form>",
        '<form id=ask method=post action="/chat"><button formmethod=dialog>Close</button></form>',
    ],
)
def test_a_submit_that_closes_a_dialog_is_left_to_the_browser(
    page: Page, site: Site, form: str
) -> None:
    page.goto(site.page(f'<dialog>{form}</dialog><flask-stream form="ask"></flask-stream>'))
    page.locator("dialog").evaluate("dialog => dialog.showModal()")
    page.click("text=Close")
    expect(page.locator("dialog")).to_be_hidden()
    expect_state(page, "idle")


def test_a_form_with_a_method_of_no_form_is_sent_with_get(page: Page, site: Site) -> None:
    form = (
        '<form id=ask method=put action="/chat"><input name=q value=a><button>Ask</button></form>'
    )
    page.goto(site.page(f'{form}<flask-stream form="ask"></flask-stream>'))
    page.click("text=Ask")
    request = site.request("/chat")
    request.answer("Hi")
    assert (request.method, request.query) == ("GET", {"q": ["a"]})
    expect_state(page, "done")


def test_attributes_that_cannot_be_a_request_are_shown(page: Page, site: Site) -> None:
    page.goto(site.page(f'{ASK}<flask-stream form="ask" method="no method"></flask-stream>'))
    page.click("text=Ask")
    expect_state(page, "failed")
    expect(status(page)).to_contain_text("method")
    assert [error["code"] for error in seen(page, "error")] == ["bad_response"]
    element(page).evaluate("element => element.setAttribute('method', 'post')")
    page.click("text=Ask")
    site.request("/chat").answer("Hi")
    expect_state(page, "done")


def test_a_new_src_that_is_no_address_ends_the_old_run_as_failed(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    element(page).evaluate("element => element.setAttribute('src', 'http://[')")
    answer.wait_until_client_left()
    expect_state(page, "failed")
    expect(status(page)).to_contain_text("http://[")
    assert seen(page, "stop") == []


@pytest.mark.parametrize(("attribute", "turns"), [("", ["two"]), ("append", ["one", "two"])])
def test_an_answer_replaces_the_last_one_or_is_appended(
    page: Page, site: Site, attribute: str, turns: list[str]
) -> None:
    page.goto(site.page(f'{ASK}<flask-stream form="ask" {attribute}></flask-stream>'))
    for text in ("one", "two"):
        page.click("text=Ask")
        site.request("/chat").answer(text)
        expect(output(page)).to_contain_text(text)
        expect_state(page, "done")
    expect(page.locator("[data-turn]")).to_have_text(turns)


# The element in the page


def test_children_that_the_page_supplies_are_used(page: Page, site: Site) -> None:
    children = """<p data-stream=status></p><pre data-stream=output>before</pre>
      <button data-stream=stop>Halt</button>"""
    body = f'<form><flask-stream src="/answer">{children}</flask-stream></form>'
    page.goto(site.page(body))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    assert element(page).evaluate("e => [...e.children].map((c) => c.localName)") == [
        *("p", "pre", "button", "button")
    ]
    expect(status(page)).to_have_attribute("role", "status")
    page.click("text=Halt")  # does not submit the form around it
    answer.wait_until_client_left()
    expect_state(page, "stopped")


def test_children_are_waited_for_while_the_page_is_parsed(page: Page, site: Site) -> None:
    client = CLIENT.replace("<script", "<script async")
    page.goto("about:blank")
    page.evaluate("url => { location.href = url }", f"{site.url}/slow")
    document = site.request("/slow").begin(content_type="text/html; charset=utf-8")
    document.write(f"{HEAD}{client}<body>{SRC.removesuffix('</flask-stream>')}".encode())
    page.wait_for_url("**/slow", wait_until="commit")
    page.evaluate("customElements.whenDefined('flask-stream').then(() => true)")
    assert element(page).evaluate("e => e.matches(':defined')")
    document.write(b"<pre data-stream=output></pre></flask-stream>")
    document.end()
    site.request("/answer").answer("Hi")
    expect(page.locator("pre")).to_have_text("Hi")
    expect(output(page)).to_have_count(1)


def test_an_element_that_is_moved_goes_on_and_is_not_run_again(page: Page, site: Site) -> None:
    page.goto(site.page(f"{SRC}<section></section>"))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    page.evaluate(
        "document.querySelector('section').append(document.querySelector('flask-stream'))"
    )
    answer.send("text", text="world").finish("Hello world")
    expect_state(page, "done")
    assert text_of(page) == "Hello world"
    page.evaluate("document.body.append(document.querySelector('flask-stream'))")
    with pytest.raises(queue.Empty):
        site.request("/answer", timeout=QUIET)
    assert text_of(page) == "Hello world"


def test_an_element_that_is_removed_closes_its_connection(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    page.evaluate("document.querySelector('flask-stream').remove()")
    answer.wait_until_client_left()


def test_an_element_that_was_moved_still_hears_its_form_once(page: Page, site: Site) -> None:
    page.goto(site.page(FORM))
    page.evaluate("document.body.prepend(document.querySelector('flask-stream'))")
    page.click("text=Ask")
    site.request("/chat").answer("Hi")
    expect_state(page, "done")
    with pytest.raises(queue.Empty):
        site.request("/chat", timeout=QUIET)


def test_a_new_src_is_run_in_place_of_the_old(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    old = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    page.evaluate("document.querySelector('flask-stream').setAttribute('src', '/new')")
    old.wait_until_client_left()
    site.request("/new").answer("new")
    expect_state(page, "done")
    assert text_of(page) == "new"


def test_start_and_stop_from_the_pages_own_script(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream></flask-stream>"))
    expect_state(page, "idle")
    page.evaluate(
        """() => {
             const element = document.querySelector("flask-stream");
             window.run = element.start("/own", { method: "POST", body: "{}" });
           }"""
    )
    own = streaming(site, "/own")
    expect(output(page)).to_have_text("Hello ")
    assert own.method == "POST"
    page.evaluate("document.querySelector('flask-stream').stop()")
    own.wait_until_client_left()
    assert page.evaluate("run.done.then(() => [run.state, run.text])") == ["stopped", "Hello "]


def test_defining_the_element_twice_is_harmless(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    names = page.evaluate("import('/static/flask-stream.js?again').then((m) => Object.keys(m))")
    # "prepare", "say" and "submission" are for the chat's own files.
    expected = ["FlaskStreamElement", "parse", "prepare", "say", "stream", "submission", "words"]
    assert sorted(names) == expected
    site.request("/answer").answer("Hi")
    expect_state(page, "done")


# EventSource


def test_eventsource_reads_one_run_and_never_asks_again(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" transport=eventsource></flask-stream>'))
    answer = site.request("/answer")
    answer.begin().write(b"retry: 1\n\n").send("start", id="run")
    expect_state(page, "waiting")
    answer.send("text", text="Hi")
    expect(output(page)).to_have_text("Hi")
    answer.finish("Hi")
    expect_state(page, "done")
    with pytest.raises(queue.Empty):
        site.request("/answer", timeout=QUIET)


@pytest.mark.parametrize("how", ["cut", "end"])
def test_an_eventsource_that_is_cut_does_not_connect_again(
    page: Page, site: Site, how: str
) -> None:
    page.goto(site.page('<flask-stream src="/answer" transport=eventsource></flask-stream>'))
    answer = site.request("/answer")
    answer.begin().write(b"retry: 1\n\n").send("start", id="run").send("text", text="Hello ")
    expect(output(page)).to_have_text("Hello ")
    getattr(answer, how)()
    expect_state(page, "failed")
    expect(status(page)).to_contain_text("cut off")
    with pytest.raises(queue.Empty):
        site.request("/answer", timeout=QUIET)


def test_an_eventsource_that_is_refused_says_so(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" transport=eventsource></flask-stream>'))
    site.request("/answer").begin(500, "text/html").end()
    expect(status(page)).to_have_text(
        "The server did not answer with a stream, or could not be reached."
    )


def test_stop_closes_an_eventsource(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" transport=eventsource></flask-stream>'))
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")


def test_an_eventsource_cannot_post(page: Page, site: Site) -> None:
    page.goto(site.page(f'{ASK}<flask-stream form="ask" transport=eventsource></flask-stream>'))
    page.click("text=Ask")
    expect(status(page)).to_contain_text("EventSource can only GET")


# The reader


@pytest.fixture
def box(page: Page, site: Site) -> Exchange:
    """An answer of more lines than its scrolling box shows."""
    page.goto(site.page(f"<div id=box>{SRC}</div>"))
    page.locator("#box").evaluate(
        "box => { box.style.height = '100px'; box.style.overflow = 'auto' }"
    )
    answer = streaming(site, text="line\n" * 50)
    expect(output(page)).to_contain_text("line")
    return answer


def scrolled(page: Page) -> dict[str, float]:
    measures: dict[str, float] = page.locator("#box").evaluate(
        """({ scrollTop, scrollHeight, clientHeight }) =>
             ({ top: scrollTop, below: scrollHeight - scrollTop - clientHeight })"""
    )
    return measures


def test_the_bottom_is_followed_while_the_reader_is_there(page: Page, box: Exchange) -> None:
    for number in range(3):
        page.locator("#box").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        box.send("text", text=f"more {number}\n" * 10)
        expect(output(page)).to_contain_text(f"more {number}")
        assert scrolled(page)["below"] <= 2
    box.cut()
    expect_state(page, "failed")


def test_a_reader_further_up_is_left_there(page: Page, box: Exchange) -> None:
    page.locator("#box").evaluate("box => box.scrollTo(0, 40)")
    box.send("text", text="more\n" * 10)
    expect(output(page)).to_contain_text("more")
    assert scrolled(page)["top"] == 40
    box.cut()
    expect_state(page, "failed")


def test_a_reader_who_scrolls_up_by_single_pixels_is_not_pulled_back(
    page: Page, box: Exchange
) -> None:
    end = scrolled(page)["top"]
    written = "line\n" * 50
    for up in range(1, 13):
        page.locator("#box").evaluate("box => { box.scrollTop -= 1 }")
        assert scrolled(page)["top"] == end - up
        piece = "x" if up < 8 else "\n"  # first in the same line: the end stays where it is
        box.send("text", text=piece)
        written += piece
        page.wait_for_function(
            "text => document.querySelector('[data-turn]').textContent === text", arg=written
        )
        assert scrolled(page)["top"] == end - up
    # Back at the end, it is followed again.
    page.locator("#box").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    box.send("text", text="more\n" * 10)
    expect(output(page)).to_contain_text("more")
    assert scrolled(page)["below"] <= 2
    box.cut()
    expect_state(page, "failed")


def test_the_end_is_followed_after_the_box_has_grown(page: Page, box: Exchange) -> None:
    page.locator("#box").evaluate("box => { box.style.height = '150px' }")
    box.send("text", text="more\n" * 10)
    expect(output(page)).to_contain_text("more")
    assert scrolled(page)["below"] <= 2
    box.cut()
    expect_state(page, "failed")


def test_a_selection_survives_the_words_that_follow(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site, text="select me")
    expect(output(page)).to_have_text("select me")
    page.locator("[data-turn]").evaluate(
        "turn => getSelection().selectAllChildren(turn.firstChild)"
    )
    answer.send("text", text=" and more\n\nand more")
    expect(output(page)).to_contain_text("and more")
    assert page.evaluate("String(getSelection())").startswith("select me")
    answer.cut()
    expect_state(page, "failed")


# Looks


@pytest.mark.parametrize(
    ("schemes", "colour"), [("", "rgb(179, 38, 30)"), ("light dark", "rgb(255, 138, 128)")]
)
def test_the_colours_are_those_of_the_pages_scheme(
    browser: Browser, site: Site, schemes: str, colour: str
) -> None:
    page = browser.new_page(color_scheme="dark")
    head = '<link rel=stylesheet href="/static/flask-stream.css">'
    if schemes:
        head += f'<meta name=color-scheme content="{schemes}">'
    page.goto(site.page(SRC, head=head))
    site.request("/answer").cut()
    expect_state(page, "failed")
    expect(status(page)).to_have_css("color", colour)
    page.close()
