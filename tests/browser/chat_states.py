"""`<flask-chat>` in each of its states, for its looks: what the element has made of a conversation,
kept as HTML that needs no script.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import Flask, render_template_string, request
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from flask_stream import (
    Data,
    FlaskStream,
    Meta,
    Reasoning,
    Source,
    StreamFailed,
    ToolCall,
    ToolResult,
)
from tests.chat.test_attachments import PNG

SCRIPTED = ["empty", "conversation", "running", "failed", "composing"]
STATES = [*SCRIPTED, "unscripted"]


class Words(NamedTuple):
    """What is said in the pictures, in the page's own language or in one from right to left."""

    direction: str
    language: str
    question: str
    thought: str
    answer: str
    follow_up: str
    other: str  # a question in a script that runs the other way
    suggestions: tuple[str, ...]
    failed: str
    title: str
    first_words: str


ENGLISH = Words(
    direction="ltr",
    language="en",
    title="Streams and buffers",
    question="Why does my stream come in one piece?",
    thought="Two places may hold it back. I look at both.",
    answer="""Something between the view and the reader **collects** it. Most often it is one of
these:

1. A proxy that buffers: nginx does, unless `X-Accel-Buffering: no` says otherwise.
2. Compression, which waits until there is enough to compress.

# How to find out

```python
@app.post("/chat")
@stream.response
def chat():
    return client.messages.create(model=MODEL, messages=asked(), stream=True)
```

| Where | First word | Last word |
|---|---|---|
| past the proxy | 0.4 s | 6.1 s |
| through it | 6.1 s | 6.1 s |

> What is quoted stands back.

If both rows are alike, read [the page on servers](https://example.org/).""",
    follow_up="And on a phone,\nwith a field of two lines?",
    other="ولماذا لا تصل الكلمات واحدة واحدة؟",
    suggestions=(
        "Why does my stream come in one piece?",
        "How do I stop an answer?",
        "Write a view that streams from two models, side by side",
    ),
    failed="Too many requests. Wait a moment, then ask again.",
    first_words="The same holds there. What is different is",
)
ARABIC = Words(
    direction="rtl",
    language="ar",
    title="البث والتخزين المؤقت",
    question="لماذا تصل الإجابة دفعة واحدة؟",
    thought="قد يحبسها موضعان. سأنظر في كليهما.",
    answer="""لأن شيئًا ما بين الخادم والقارئ **يجمعها**. والأرجح أن يكون أحد هذين:

1. وسيط يخزن مؤقتًا: هكذا يفعل `nginx` ما لم يُطلب منه غير ذلك.
2. الضغط، فهو ينتظر حتى يجتمع ما يكفي.

# كيف تعرف

```python
@app.post("/chat")
@stream.response
def chat():
    return client.messages.create(model=MODEL, messages=asked(), stream=True)
```

| أين | أول كلمة | آخر كلمة |
|---|---|---|
| خارج الوسيط | 0.4 | 6.1 |
| عبره | 6.1 | 6.1 |

> ما يُقتبس يتأخر قليلًا.

This paragraph is in English, and runs the other way.""",
    follow_up="وعلى الهاتف،\nمع حقل من سطرين؟",
    other="And why do the words not come one by one?",
    suggestions=(
        "لماذا تصل الإجابة دفعة واحدة؟",
        "كيف أوقف إجابة؟",
        "How do I write a view that streams?",
    ),
    failed="طلبات كثيرة. انتظر لحظة ثم اسأل من جديد.",
    first_words="الأمر نفسه هناك. أما المختلف فهو",
)
BY_LANGUAGE = {words.language: words for words in (ENGLISH, ARABIC)}

PAGE = """<!doctype html><html lang="{{ words.language }}" dir="{{ words.direction }}">
<meta charset=utf-8><title>Chat</title><body>
{{ stream_chat("/chat?lang=" ~ words.language, turns, suggestions=words.suggestions, attach=True,
    max_bytes=10000, feedback="/rate") }}"""
FILES: list[Any] = [
    {"name": "a photograph of the server with a long name.png", "mimeType": "image/png"},
    {"name": "access.log", "mimeType": "text/plain"},
]
LARGE: Any = {"name": "core.dump", "mimeType": "text/plain", "buffer": b"x" * 20_000}
END = {"en": "To the end", "ar": "إلى النهاية"}
NOON = "2026-01-01T12:30:00Z"

# What is typed and what scripts have styled is not in HTML by itself; a page's policy lets no style
# be in it.
KEEP = """chat => {
    chat.removeAttribute("style");
    for (const field of chat.querySelectorAll("textarea")) field.textContent = field.value;
    for (const styled of chat.querySelectorAll("[style]")) {
        styled.dataset.style = styled.style.cssText;
        styled.removeAttribute("style");
    }
    return chat.outerHTML;
}"""
RESTYLE = """() => {
    for (const styled of document.querySelectorAll("[data-style]"))
        styled.style.cssText = styled.dataset.style;
}"""


def app_of(held: threading.Event) -> Flask:
    """`/?state=…&lang=…` is a chat, with what was said before where the state wants that."""
    app = Flask(__name__)
    stream = FlaskStream(app)

    @app.get("/")
    def page() -> str:
        words = BY_LANGUAGE[request.args["lang"]]
        said = [
            {"role": "user", "text": words.follow_up, "id": "1"},
            {"role": "assistant", "text": f"{words.first_words}.", "id": "1", "at": NOON},
        ]
        has_said = request.args["state"] in ("composing", "unscripted")
        return render_template_string(PAGE, words=words, turns=said if has_said else [])

    @app.post("/chat")
    @stream.response
    def chat() -> Iterator[Any]:
        words = BY_LANGUAGE[request.args["lang"]]
        question = request.form["question"].replace("\r\n", "\n")
        yield Meta(model="claude-sonnet")
        if question == words.question:
            yield Data("title", words.title)
            yield Reasoning(words.thought)
            yield ToolCall("1", "read_the_docs", {})
            yield ToolResult("1", "Read.")
            yield ToolCall("2", "ask_the_server", {})
            yield ToolResult("2", "It says nothing.", is_error=True)
            yield words.answer
            yield Source("https://example.org/", "Server-sent events, explained")
            yield Source("https://example.org/flask", "Flask")
        elif question == words.other:
            yield f"{words.first_words}."
        else:
            yield words.first_words
            assert held.wait(60)
            raise StreamFailed(words.failed, retryable=True)

    @app.post("/rate")
    def rate() -> tuple[str, int]:
        return "", 204

    return app


def button(page: Page, name: str) -> Any:
    return page.locator(f"flask-chat [data-chat={name}]").last


def ask(page: Page, question: str, state: str = "done") -> None:
    page.locator("[data-chat=composer] textarea").fill(question)
    button(page, "send").click()
    expect(page.locator("flask-stream")).to_have_attribute("data-state", state)


def choose(page: Page, *files: Any) -> None:
    expect(button(page, "attach")).to_be_visible()
    page.locator("[data-chat=composer] [type=file]").set_input_files(list(files))


def converse(page: Page, words: Words) -> None:
    choose(page, *({**file, "buffer": PNG} for file in FILES))
    ask(page, words.question)
    expect(page.locator("[data-chat=title]")).to_have_text(words.title)
    button(page, "up").click()
    expect(button(page, "up")).to_have_attribute("aria-pressed", "true")
    for details in page.locator("details").all():
        details.evaluate("details => { details.open = true }")
    ask(page, words.other)
    # From the end, where there is no button that leads to it, to the beginning.
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(button(page, "end")).to_be_hidden()
    page.evaluate("scrollTo(0, 0)")
    expect(button(page, "end")).to_be_visible()
    expect(button(page, "end")).to_have_attribute("title", END[words.language])


def compose(page: Page, words: Words) -> None:
    button(page, "edit").click()
    expect(page.locator("[data-chat=editor]")).to_be_visible()
    choose(page, *({**file, "buffer": PNG} for file in FILES), LARGE)
    expect(page.locator("[data-chat=composer] canvas")).to_have_count(1)
    page.locator("[data-chat=composer] textarea").fill(words.follow_up)
    page.locator("flask-chat").evaluate(
        """chat => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([], "a file"));
            chat.dispatchEvent(new DragEvent("dragover", { dataTransfer }));
        }"""
    )


class States:
    """Each is made once, when it is asked for."""

    def __init__(self, browser: Browser, url: str, held: threading.Event) -> None:
        self._browser = browser
        self._url = url
        self._held = held
        self._made: dict[tuple[str, Words], str] = {}

    def one(self, name: str, words: Words, attributes: str = "") -> str:
        """One chat, in one of the states, whose id is the state's name."""
        if (name, words) not in self._made:
            self._made[name, words] = self._make(name, words)
        html = self._made[name, words]
        form = re.search(r'<form id="([^"]+)"', html)
        assert form  # whose id is the same in all states
        html = html.replace(f'"{form[1]}"', f'"{name}-form"')
        return html.replace("<flask-chat", f"<flask-chat id={name} {attributes}", 1)

    def all(self, words: Words) -> str:
        sections = (f"<section><h2>{name}</h2>{self.one(name, words)}</section>" for name in STATES)
        return "".join(sections)

    def _make(self, name: str, words: Words) -> str:
        scripted = name in SCRIPTED
        with self._browser.new_context(
            timezone_id="UTC", java_script_enabled=scripted, viewport={"width": 900, "height": 900}
        ) as context:
            page = context.new_page()
            page.clock.set_fixed_time(NOON)
            page.goto(f"{self._url}?state={name}&lang={words.language}")
            if not scripted:
                html: str = page.locator("flask-chat").evaluate("chat => chat.outerHTML")
                return html
            expect(button(page, "attach")).to_be_visible()
            match name:
                case "conversation":
                    converse(page, words)
                case "running":
                    self._held.clear()
                    ask(page, words.follow_up, "streaming")
                case "failed":
                    self._held.set()
                    ask(page, words.follow_up, "failed")
                case "composing":
                    compose(page, words)
            html = page.locator("flask-chat").evaluate(KEEP)
            self._held.set()
        return html


@contextmanager
def made_by_the_element(browser: Browser) -> Iterator[States]:
    held = threading.Event()
    server = make_server("127.0.0.1", 0, app_of(held), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield States(browser, f"http://127.0.0.1:{server.server_port}/", held)
    server.shutdown()
    thread.join()
    server.server_close()
