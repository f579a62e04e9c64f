"""`<flask-chat>` in each of its states, as HTML that needs no script: what its looks are for."""

from __future__ import annotations

from typing import NamedTuple

STATES = ["empty", "conversation", "running", "failed", "composing"]


class Words(NamedTuple):
    """What is said in the pictures, in the page's own language or in one from right to left."""

    direction: str
    language: str
    question: str
    answer: str
    follow_up: str
    other: str  # a question in a script that runs the other way
    suggestions: tuple[str, ...]
    placeholder: str
    hint: str
    failed: str
    title: str
    first_words: str


ENGLISH = Words(
    direction="ltr",
    language="en",
    title="Streams and buffers",
    question="Why does my stream come in one piece?",
    answer="""<p>Something between the view and the reader <strong>collects</strong> it. Most often
it is one of these:</p>
<ol><li>A proxy that buffers: nginx does, unless <code>X-Accel-Buffering: no</code> says
otherwise.</li>
<li>Compression, which waits until there is enough to compress.</li></ol>
<h3>How to find out</h3>
<div data-code><div><span>python</span><button type=button data-copy>Copy</button></div><pre
tabindex=0><code>@app.post("/chat")
@stream.response
def chat():
    return client.messages.create(model=MODEL, messages=asked(), stream=True)
</code></pre></div>
<div data-scroll tabindex=0 role=group aria-label=Table><table><thead><tr><th>Where</th><th>First
word</th><th>Last word</th></tr></thead><tbody><tr><td>past the proxy</td><td>0.4 s</td>
<td>6.1 s</td></tr><tr><td>through it</td><td>6.1 s</td><td>6.1 s</td></tr></tbody></table></div>
<blockquote><p>What is quoted stands back.</p></blockquote>
<p>If both rows are alike, read <a href="https://example.org/">the page on servers</a>.</p>""",
    follow_up="And on a phone,\nwith a field of two lines?",
    other="ولماذا لا تصل الكلمات واحدة واحدة؟",
    suggestions=(
        "Why does my stream come in one piece?",
        "How do I stop an answer?",
        "Write a view that streams from two models, side by side",
    ),
    placeholder="Ask something",
    hint="The question waits as a draft until you are online.",
    failed="Too many requests. Wait a moment, then ask again.",
    first_words="The same holds there. What is different is",
)
ARABIC = Words(
    direction="rtl",
    language="ar",
    title="البث والتخزين المؤقت",
    question="لماذا تصل الإجابة دفعة واحدة؟",
    answer="""<p>لأن شيئًا ما بين الخادم والقارئ <strong>يجمعها</strong>.
والأرجح أن يكون أحد هذين:</p>
<ol><li>وسيط يخزن مؤقتًا: هكذا يفعل <code>nginx</code> ما لم يُطلب منه غير ذلك.</li>
<li>الضغط، فهو ينتظر حتى يجتمع ما يكفي.</li></ol>
<h3>كيف تعرف</h3>
<div data-code><div><span>python</span><button type=button data-copy>نسخ</button></div><pre
tabindex=0><code>@app.post("/chat")
@stream.response
def chat():
    return client.messages.create(model=MODEL, messages=asked(), stream=True)
</code></pre></div>
<div data-scroll tabindex=0 role=group aria-label=جدول><table><thead><tr><th>أين</th><th>أول
كلمة</th><th>آخر كلمة</th></tr></thead><tbody><tr><td>خارج الوسيط</td><td>0.4</td>
<td>6.1</td></tr><tr><td>عبره</td><td>6.1</td><td>6.1</td></tr></tbody></table></div>
<blockquote><p>ما يُقتبس يتأخر قليلًا.</p></blockquote>
<p>This paragraph is in English, and runs the other way.</p>""",
    follow_up="وعلى الهاتف،\nمع حقل من سطرين؟",
    other="And why do the words not come one by one?",
    suggestions=(
        "لماذا تصل الإجابة دفعة واحدة؟",
        "كيف أوقف إجابة؟",
        "How do I write a view that streams?",
    ),
    placeholder="اسأل شيئًا",
    hint="ينتظر السؤال كمسودة حتى تتصل بالشبكة.",
    failed="طلبات كثيرة. انتظر لحظة ثم اسأل من جديد.",
    first_words="الأمر نفسه هناك. أما المختلف فهو",
)

COPY = [("copy", "Copy"), ("copy-markdown", "Copy as Markdown"), ("regenerate", "Answer again")]
RATE = [("up", "Good answer"), ("down", "Bad answer")]


def icon(name: str, words: str, more: str = "") -> str:
    return (
        f'<button type=button data-chat={name} title="{words}" {more}><span>{words}</span></button>'
    )


def actions(about: str = "") -> str:
    buttons = "".join(icon(*button) for button in COPY)
    buttons += icon(*RATE[0], more="aria-pressed=true") + icon(*RATE[1], more="aria-pressed=false")
    details = (
        f"<details data-chat=about {about}><summary title=Details><span>Details</span></summary>"
        "<p>claude-sonnet · <time datetime=2026-01-01T12:30>12:30</time></p></details>"
    )
    return f"<div data-chat=actions>{buttons}{details}</div>"


def user(words: str, more: str = "") -> str:
    edit = f"<div data-chat=actions>{icon('edit', 'Edit')}</div>"
    inside = f"<div data-part=text>{words}</div>{more}{edit}"
    return f"<div data-turn=user dir=auto data-drawn>{inside}</div>"


def answer(inside: str, end: str = "") -> str:
    return f"<div data-turn data-drawn>{inside}{end}</div>"


def text(words: str) -> str:
    return f"<div data-part=text>{words}</div>"


REASONING = """<details data-part=reasoning open><summary>Reasoning</summary>
<div>Two places may hold it back. I look at both.</div></details>"""
TOOLS = """<p data-part=tool data-state=done>Used <bdi>read_the_docs</bdi></p>
<p data-part=tool data-state=failed><bdi>ask_the_server</bdi> failed</p>"""
SOURCES = """<ul data-part=sources><li><a href="https://example.org/"><bdi>Server-sent events,
explained</bdi></a></li><li><a href="https://example.org/flask"><bdi>Flask</bdi></a></li></ul>"""
SENT = "<ul data-chat=files><li>access.log</li><li>a photograph of the server.png</li></ul>"
CHOSEN = f"""<ul data-chat=files>
<li><canvas width=64 height=64></canvas><span>a photograph of the server with a long name.png</span>
{icon("remove", "Remove")}</li><li><span>access.log</span>{icon("remove", "Remove")}</li></ul>"""


def composer(
    words: Words,
    number: str,
    *,
    typed: str = "",
    running: bool = False,
    extra: str = "",
    end: bool = False,
) -> str:
    hidden = "" if running else "hidden"
    to_end = '<button type=button data-chat=end title="To the end"><span>To the end</span></button>'
    return f"""<form id={number}-form data-chat=composer method=post action="/chat">
<input type=hidden name=csrf_token value=token>{to_end if end else ""}{extra}
<div data-chat=field>{icon("attach", "Attach files")}<input type=file name=files multiple hidden>
<textarea name=question rows=1 required aria-label="Your question" placeholder="{words.placeholder}"
dir=auto>{typed}</textarea><button data-chat=send title=Send><span>Send</span></button><button
type=button data-stream=stop {hidden}>Stop</button></div></form>"""


def suggestions(words: Words) -> str:
    buttons = "".join(
        f'<button name=question value="{each}" formnovalidate dir=auto>{each}</button>'
        for each in words.suggestions
    )
    return f"<div data-chat=suggestions>{buttons}</div>"


def chat(
    name: str,
    turns: str,
    form: str,
    *,
    state: str = "done",
    status: str = "Complete",
    attributes: str = "",
    title: str = "",
    retry: bool = False,
) -> str:
    return f"""<flask-chat id={name} {attributes}>{title and f"<h2 data-chat=title>{title}</h2>"}
<flask-stream form={name}-form render=markdown append data-state={state}>
<div data-stream=output>{turns}</div>
<p data-stream=status role=status>{status}</p>
<button type=button data-stream=retry {"" if retry else "hidden"}>Retry</button>
{form}</flask-stream></flask-chat>"""


def state(name: str, words: Words, attributes: str = "") -> str:
    """One chat, in one of the states."""
    if name == "empty":
        return chat(
            name,
            "",
            composer(words, name, extra=suggestions(words)),
            state="idle",
            status="",
            attributes=f"data-empty {attributes}",
        )
    if name == "conversation":
        turns = [
            user(words.question, SENT),
            answer(REASONING + TOOLS + text(words.answer) + SOURCES, actions("open")),
            user(words.other),
            answer(text(f"<p>{words.first_words}.</p>"), actions()),
        ]
        return chat(
            name,
            "".join(turns),
            composer(words, name, end=True),
            title=words.title,
            attributes=attributes,
        )
    if name == "running":
        turns = [
            user(words.follow_up),
            answer(text(f"<p>{words.first_words}</p>")),
        ]
        return chat(
            name,
            "".join(turns),
            composer(words, name, running=True),
            state="streaming",
            status="Generating…",
            attributes=attributes,
        )
    if name == "failed":
        # Before the client has drawn them: bare text.
        turns = (
            f"<div data-turn=user dir=auto>{words.follow_up}</div>"
            f"<div data-turn>{words.first_words}\n\n- {words.question}</div>"
        )
        return chat(
            name,
            turns,
            composer(words, name),
            state="failed",
            status=words.failed,
            retry=True,
            attributes=attributes,
        )
    editor = (
        f"<form data-chat=editor><textarea aria-label=Question>{words.follow_up}</textarea>"
        "<button data-chat=save>Save</button><button type=button data-chat=cancel>Cancel</button>"
        "</form>"
    )
    extra = f"{CHOSEN}<p data-chat=hint role=status>{words.hint}</p>"
    turns = user(words.follow_up, editor) + answer(text(f"<p>{words.first_words}.</p>"), actions())
    return chat(
        name,
        turns,
        composer(words, name, typed=words.follow_up, extra=extra),
        attributes=f"data-dragging {attributes}",
    )


def all_states(words: Words) -> str:
    return "".join(f"<section><h2>{name}</h2>{state(name, words)}</section>" for name in STATES)
