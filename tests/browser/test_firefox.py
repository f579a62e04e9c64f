"""The client in Firefox: what all else of it stands on, before the same real gunicorn.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.browser.firefox import Firefox, Page, running_firefox
from tests.browser.on_page import CUT_OFF, WAYS, Way, each_way, form
from tests.browser.real_server import RealServer, Wire, behind, passing
from tests.browser.test_network import STAGES
from tests.browser.test_refusals import REFUSALS
from tests.own_time import part_of
from tests.servers.running import DEADLINE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One Firefox for all tests."""
    # Empty where «make test» found none that runs.
    path = os.environ.get("FIREFOX", shutil.which("firefox-esr") or shutil.which("firefox"))
    if not path:
        pytest.skip("no Firefox: neither FIREFOX nor the PATH names one")
    with running_firefox(path, tmp_path_factory.mktemp("profile")) as firefox:
        yield firefox


@pytest.fixture
def page(firefox: Firefox) -> Iterator[Page]:
    with firefox.page() as page:
        yield page


STATE = "document.querySelector('flask-stream').dataset.state"


def text_of(name: str) -> str:
    return f"document.querySelector('[data-stream={name}]').textContent"


OUTPUT = text_of("output")
STATUS = text_of("status")


def details(page: Page, name: str) -> list[dict[str, Any]]:
    """What the element's events of this name said."""
    found: list[dict[str, Any]] = page.evaluate(
        f"seen.filter(({{ type }}) => type === 'stream:{name}').map(({{ detail }}) => detail)"
    )
    return found


def ask(page: Page, way: Way) -> None:
    if way.method == "POST":
        page.click("form button")
    else:
        page.evaluate(
            "document.querySelectorAll('[data-ask]')"
            ".forEach((element) => element.setAttribute('src', element.dataset.ask))"
        )


def expect_asked(page: Page, server: RealServer, prompt: str, *methods: str) -> None:
    """These requests were made for the prompt, and nothing is left that would make another."""
    assert page.evaluate("sources.every((source) => source.readyState === 2)")
    # What the page has sent before that is there by then.
    assert page.evaluate("fetch('/hello').then((response) => response.text())") == "hello"
    assert server.asked(prompt) == list(methods)


def retry(page: Page, real: RealServer, prompt: str) -> None:
    page.click("[data-stream=retry]")
    real.talk.to(prompt).say("again").finish()
    page.expect(STATE, "done")
    assert page.evaluate(OUTPUT) == "again"


# The element


@each_way
def test_words_are_shown_as_they_come_in_firefox(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page.goto(real.url + real.page(way.page(prompt)))
    ask(page, way)
    answer = real.talk.to(prompt).begin()
    page.expect(STATE, "waiting")
    for number, word in enumerate(["one ", "zwei 🔦 ", "三"], start=1):
        answer.say(word)
        page.expect(OUTPUT, "".join(["one ", "zwei 🔦 ", "三"][:number]))
        assert page.evaluate(STATE) == "streaming"
    answer.finish()
    page.expect(STATE, "done")
    page.expect(STATUS, "Complete")
    (done,) = details(page, "done")
    assert (done["stop_reason"], done["text_length"]) == ("stop", len("one zwei 🔦 三") + 1)
    expect_asked(page, real, prompt, way.method)


@each_way
def test_stop_closes_the_connection_in_firefox(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page.goto(real.url + real.page(way.page(prompt)))
    ask(page, way)
    answer = real.talk.to(prompt).say("one ")
    page.expect(OUTPUT, "one ")
    page.click("[data-stream=stop]")
    answer.wait_until_app_left()
    assert page.evaluate(STATE) == "stopped"
    assert page.evaluate(OUTPUT) == "one "
    expect_asked(page, real, prompt, way.method)


def test_a_second_question_is_appended_in_firefox(
    page: Page, real: RealServer, prompt: str
) -> None:
    page.goto(real.url + real.page(form(prompt, attributes="append")))
    for text in ("first", "second"):
        page.click("form button")
        real.talk.to(prompt).say(text).finish()
        page.expect(STATE, "done")
    turns = "[...document.querySelectorAll('[data-turn]')].map((turn) => turn.textContent)"
    assert page.evaluate(turns) == ["first", "second"]
    expect_asked(page, real, prompt, "POST", "POST")


@each_way
def test_leaving_the_page_closes_the_connection_in_firefox(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page.goto(real.url + real.page(way.page(prompt)))
    ask(page, way)
    answer = real.talk.to(prompt).say("one ")
    page.expect(OUTPUT, "one ")
    page.goto(real.url + "/hello")
    answer.wait_until_app_left()
    assert real.asked(prompt) == [way.method]


def test_a_module_of_the_pages_own_reads_each_event_in_firefox(
    page: Page, real: RealServer, prompt: str
) -> None:
    page.goto(real.url + real.page(""))
    page.evaluate(
        f"""import(document.querySelector("script[type=module]").src).then(({{ stream }}) => {{
          const body = new URLSearchParams({{ q: "{prompt}" }});
          window.run = stream("/chat", {{ method: "POST", body }});
          window.got = [];
          (async () => {{ for await (const {{ type }} of run) got.push(type); }})();
        }})"""
    )
    answer = real.talk.to(prompt).say("one ")
    page.expect("run.text", "one ")
    answer.say("two").finish()
    assert page.evaluate("run.done")["stop_reason"] == "stop"
    assert page.evaluate("[run.state, run.text]") == ["done", "one two"]
    got = page.evaluate("got")
    assert (got[0], got.count("text"), got[-1]) == ("start", 2, "done")
    expect_asked(page, real, prompt, "POST")


# Markdown

MARKDOWN = """\
# Title

Some **bold** and `code`, [a link](https://example.com/) and [none](javascript:alert(1)).

| a | b |
|---|---|
| 1 | <img src=x onerror=alert(1)> |

```python
print("hi")
```
"""


def test_markdown_is_drawn_and_raw_html_is_text_in_firefox(
    page: Page, real: RealServer, prompt: str
) -> None:
    page.goto(real.url + real.page(form(prompt, attributes="render=markdown")))
    page.click("form button")
    answer = real.talk.to(prompt).say(MARKDOWN[:30])
    page.expect(text_of("output") + ".includes('**')", False)
    page.expect("document.querySelector('h1')?.textContent", "Title")
    answer.say(MARKDOWN[30:]).finish()
    page.expect(STATE, "done")
    page.expect("document.querySelector('strong').textContent", "bold")
    links = "[...document.querySelectorAll('flask-stream a')].map((link) => link.href)"
    assert page.evaluate(links) == ["https://example.com/"]
    assert page.evaluate("document.querySelectorAll('flask-stream img').length") == 0
    cells = "[...document.querySelectorAll('td')].map((cell) => cell.textContent)"
    assert page.evaluate(cells) == ["1", "<img src=x onerror=alert(1)>"]
    code = "document.querySelector('pre code.language-python').textContent"
    assert page.evaluate(code) == 'print("hi")\n'


# Connections that drop


@each_way
@pytest.mark.parametrize(
    "stage", ["between events", "inside an event", "inside a character", "inside done"]
)
def test_a_connection_that_drops_is_told_and_not_asked_again_by_itself_in_firefox(
    page: Page, real: RealServer, wire: Wire, prompt: str, way: Way, stage: str
) -> None:
    mark, text = STAGES[stage]
    page.goto(wire.url + real.page(way.page(prompt)))
    wire.stop_behind = behind(mark)
    ask(page, way)
    real.talk.to(prompt).say("one ").say("two 🔦").finish()
    assert wire.stopped.wait(DEADLINE)
    # What the page has not read when the connection drops is lost.
    page.expect(STATE, "streaming")
    page.expect(OUTPUT, text)
    wire.cut()
    page.expect(STATE, "failed")
    page.expect(STATUS, CUT_OFF)
    assert page.evaluate(OUTPUT) == text
    (error,) = details(page, "error")
    assert (error["code"], error["retryable"], error["attempt"]) == ("cut", True, 1)
    expect_asked(page, real, prompt, way.method)
    wire.stop_behind = passing
    retry(page, real, prompt)
    expect_asked(page, real, prompt, way.method, way.method)


# Refusals


@pytest.mark.parametrize(("way", "how"), part_of(product(["post", "get"], REFUSALS), every=2))
def test_a_refusal_is_told_in_words_in_firefox(
    page: Page, real: RealServer, prompt: str, way: str, how: str
) -> None:
    code, retryable, words = REFUSALS[how]
    asking = WAYS[way]
    page.goto(real.url + real.page(asking.page(prompt, f"/chat/refused/{how}")))
    ask(page, asking)
    page.expect(STATE, "failed")
    page.expect(f"{STATUS}.includes('{words}')", True)
    (error,) = details(page, "error")
    assert (error["code"], error["retryable"]) == (code, retryable)
    assert page.evaluate("document.querySelector('[data-stream=retry]').hidden") is not retryable
    expect_asked(page, real, prompt, asking.method)


@pytest.mark.parametrize("how", ["204", "401", "429", "html"])
def test_an_eventsource_that_is_refused_is_closed_in_firefox(
    page: Page, real: RealServer, prompt: str, how: str
) -> None:
    way = WAYS["eventsource"]
    page.goto(real.url + real.page(way.page(prompt, f"/chat/refused/{how}")))
    ask(page, way)
    page.expect(STATE, "failed")
    (error,) = details(page, "error")
    assert (error["code"], error["status"]) == ("network", None)
    expect_asked(page, real, prompt, "GET")
