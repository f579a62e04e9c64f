"""Pictures of each state, light and dark, phone and desktop.

Every run leaves them in tests/output/client/. With FLASK_STREAM_PICTURES set (to anything) they go
to docs/pictures/ instead, where docs/client.md shows them; those are committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.client_server import STRICT_CSP, Exchange, Site
from tests.browser.small_png import small_png
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

FOR_THE_DOCS = bool(os.environ.get("FLASK_STREAM_PICTURES"))
PICTURES = ROOT / "docs" / "pictures" if FOR_THE_DOCS else ROOT / "tests" / "output" / "client"
LARGEST = 40_000  # bytes, since they are in the repository

HEAD = """<meta name=color-scheme content="light dark">
<link rel=stylesheet href="/static/flask-stream.css">
<style>
  body { max-width: 42rem; margin: auto; padding: 8px 16px; font: 1rem/1.5 system-ui, sans-serif }
  section { padding: 1rem 0 1.25rem; border-top: 1px solid #8884 }
  section:first-of-type { border-top: 0 }
  h2 { margin: 0 0 0.75rem; font: 600 0.75rem/1 ui-monospace, monospace; opacity: 0.75 }
</style>"""
STYLES = f"{STRICT_CSP}; style-src 'self' 'unsafe-inline'"  # for the page's own, above
STATES = ["idle", "waiting", "streaming", "done", "stopped", "failed"]
IDLE = """<form id=ask method=post action="/idle">
  <input name=q value="What is the weather?" aria-label="Your question"> <button>Ask</button>
</form>
<flask-stream form="ask"></flask-stream>"""
MARKDOWN = """\
### Streaming in *three* lines

A view **returns** what the SDK gave it, and `@stream.response` does the rest:

```python
@app.post("/chat")
@stream.response
def chat():
    return claude.messages.create(model=MODEL, max_tokens=1024, messages=asked(), stream=True)
```

| What happens | What is seen | How long |
|---|---|--:|
| the model thinks | three dots | 2.1 s |
| it writes | the words, and a caret | 6.4 s |

1. A list, with a [link](https://example.org/)
   - [x] and a task
2. And an address that has to be broken: https://example.org/averylongaddressindeedlongerthanaphone

> What is quoted stands back.
"""
FIRST_WORDS = "It is sunny in Berlin, with 21 °C and a light wind. In Hamburg"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def section(state: str) -> str:
    element = f'<flask-stream src="/{state}" render=markdown></flask-stream>'
    return f"<section id={state}><h2>{state}</h2>{IDLE if state == 'idle' else element}</section>"


def begin(site: Site, state: str) -> Exchange:
    return site.request(f"/{state}").begin().send("start", id="run")


def think(answer: Exchange) -> None:
    answer.send("reasoning", text="Two cities are asked for. ")
    answer.send("reasoning", text="I look both up, and say what is known as soon as it is.")


def use(answer: Exchange, call: str, name: str, result: Any) -> None:
    answer.send("tool_call_start", id=call, name=name)
    if result is not None:
        answer.send("tool_result", id=call, result=result)


def wait_for(page: Page, state: str) -> None:
    element = page.locator(f"#{state} flask-stream")
    expect(element).to_have_attribute("data-state", state)


def bring_each_to_its_state(page: Page, site: Site) -> None:
    begin(site, "waiting")

    streaming = begin(site, "streaming")
    think(streaming)
    use(streaming, "1", "weather_in_berlin", "Sunny")
    use(streaming, "2", "weather_in_hamburg", None)
    streaming.send("text", text=FIRST_WORDS)
    expect(page.locator("#streaming [data-part=text]")).to_have_text(FIRST_WORDS)
    page.locator("#streaming summary").click()

    done = begin(site, "done")
    think(done)
    done.send("text", text=MARKDOWN)
    done.send("source", url="https://example.org/streams", title="Server-sent events, explained")
    done.send("source", url="https://example.org/flask", title="Flask")
    done.finish(MARKDOWN)

    begin(site, "stopped").send("text", text=FIRST_WORDS)
    expect(page.locator("#stopped [data-part=text]")).to_have_text(FIRST_WORDS)
    page.locator("#stopped [data-stream=stop]").click()

    site.request("/failed").begin(429, "text/html", Retry_After="120").end()

    for state in STATES:
        wait_for(page, state)
    page.locator("h2").first.hover()  # no button under the pointer


OVERFLOWING = """() => [...document.querySelectorAll("body *")]
  .filter((element) => !element.parentElement.closest("pre, [data-scroll], [data-stream=status]"))
  .filter((element) => element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width"), [("phone", 360), ("desktop", 1000)])
def test_each_state_shows_what_it_should_and_fits_the_page(
    browser: Browser, site: Site, scheme: Any, device: str, width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 640})
    page.goto(site.page("".join(map(section, STATES)), head=HEAD, csp=STYLES))
    bring_each_to_its_state(page, site)

    name = f"{device}-{scheme}.png"
    path = PICTURES / (f"client-{name}" if FOR_THE_DOCS else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(small_png(browser, page.screenshot(full_page=True, animations="disabled")))
    assert path.stat().st_size < LARGEST

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate("window.violations") == []
    page.close()


def test_each_state_shows_its_buttons_and_words(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    page.goto(site.page("".join(map(section, STATES)), head=HEAD, csp=STYLES))
    bring_each_to_its_state(page, site)
    buttons = page.locator("button[data-stream]:visible")
    assert buttons.evaluate_all(
        "buttons => buttons.map((b) => [b.closest('section').id, b.dataset.stream, b.disabled])"
    ) == [["waiting", "stop", False], ["streaming", "stop", False], ["failed", "retry", True]]
    # Those of other states are said to screen readers only, in one hidden pixel.
    words = page.locator("[data-stream=status]").evaluate_all(
        "all => all.filter((p) => p.offsetWidth > 1).map((p) => p.textContent)"
    )
    assert words == ["Stopped", "Too many requests. Wait a moment, then ask again."]
    waits = page.locator("#failed [data-stream=retry]")
    expect(waits).to_have_attribute("data-wait", re.compile(r"^(1[01]\d|120) s$"))
    page.close()
