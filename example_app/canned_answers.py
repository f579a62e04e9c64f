"""What the canned provider says, and which of its tricks a prompt asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from .canned_translations import TRANSLATED, language_of
from .canned_wire import Block, text_block

T = TypeVar("T")
Trick = Literal["cut", "error", "rate limit", "slow start", "hold", "none"]

WHY_STREAM = """\
Because waiting feels longer than reading. A language model writes about as fast as \
you read, so an answer of a hundred words takes it several seconds. Sent all at once, \
those seconds are a blank page: you cannot tell whether anything is happening at all.

Streamed, the first words are there almost at once. By the time the last one is written \
you have read the rest, you have seen whether the model understood you, and you could \
have stopped it if it had not. The whole answer took exactly as long. You just did not \
spend that time waiting."""

HOW_IT_WORKS = """\
Your question went to a Flask view. The view asked the provider for a stream and \
returned that stream, and that is all it did.

From there each piece of text is sent as one server-sent event, and kept in a file, so \
that you may reload this page in the middle of an answer. The page reads the events and \
puts the words in as text, as they come. \
At the end comes one more event that says how it ended: an answer that \
was cut off never looks like one that is complete."""

FLASK = """\
Flask answers a request with whatever its view returns, and a WSGI response may be an \
iterable, so it has always been able to stream. What was missing is the care around it: \
headers that keep proxies from buffering, a provider's error in mid-sentence, a reader \
who closes the tab while you pay for every token.

Those are a few dozen small decisions, all invisible when they are right. With the \
decorator they are made once, and your view stays three lines long."""

# Two spaces at the end of a line are a line break in Markdown.
HAIKU = "A cursor, blinking.  \nOne word, and then another:  \nnobody waits now."

GREETING = """\
Hello! Before you ask: I am no language model, only a small server inside this example \
that knows a handful of answers by heart. I do speak the same protocol as a real one, \
word by word, so all that you see on the way here is the real thing."""

LONG_PARTS = (
    "A letter used to take a week, and nobody minded, because everybody knew that letters "
    "took a week. You wrote, you went about your life, and one morning there was an answer. "
    "The waiting had room for other things in it.",
    "The telephone changed that. A pause of two seconds on the line now meant something: "
    "the other side was thinking, or offended, or gone. People learned to fill the gap with "
    "small sounds, which carry no news at all but one: I am still here.",
    "Computers began by forgetting those manners. You pressed the key, the screen froze, and "
    "the machine came back when it was done. So somebody drew an hourglass, and somebody "
    "else a bar that filled from left to right, and both of them said no more than the small "
    "sounds on the telephone: still here, still here.",
    "A stream of words is better than a bar, because it is not a promise of the answer, it "
    "is the answer. You can begin. You can see where it is going, nod, frown, or stop it with "
    "a finger. The time is the same to the millisecond, and it is spent on reading.",
    "There is a price. Whoever sends the words one by one must also say when they are over, "
    "and must say it plainly, since half an answer looks so much like a whole one. A line "
    "that breaks in mid-sentence is honest about it. A line that breaks at a full stop is "
    "not, unless somebody thought of an ending that cannot be mistaken.",
    "And there is the reader who leaves. On the telephone you notice; here nothing tells the "
    "one who speaks that the room is empty, and every word is paid for. So a good line "
    "listens while it talks, and falls silent when nobody is there.",
    "That is all there is to it: say that you are there, begin early, end clearly, and stop "
    "when they have gone. It was good manners before there were any machines.",
)

MARKDOWN = """\
## Markdown, as it is written

A model writes *Markdown*, and a page that shows **all** of it at the end has it easy. Here each \
block is made while its words arrive: you never see a raw `**` that waits for its partner.

### What there is

1. Headings, like the one above
2. Lists, with numbers or without
   - and lists in lists,
   - as deep as a model likes
3. Links, to [the standard](https://html.spec.whatwg.org/multipage/server-sent-events.html) \
for instance, and ~~old~~ struck out words

### Code, with its language

```python
@app.post("/chat")
@stream.response
def chat():
    question = request.form["question"]
    return claude.messages.create(
        model="claude-haiku-5-5",
        max_tokens=1024,
        messages=[{"role": "user", "content": question}],
        stream=True,
    )
```

A block that is still open is a block already; its copy button copies what is there.

### A table

| Where it waits | What the reader sees | Seconds |
|:---------------|:---------------------|--------:|
| Streamed       | the first words      |     0.6 |
| All at once    | nothing at all       |     8.4 |

### A list of tasks

- [x] Show the first word at once
- [x] Say how it ended
- [ ] Guess what you will ask next

> A model can also write HTML. <b onclick="alert(1)">It stays what it is</b>: text.

And a rule to end with:

---

That was all of it."""

SLOW_START = """\
That was a slow start: six seconds without a word, as when a model thinks first, or its \
provider is busy.

Meanwhile the page showed three dots, a screen reader was told once that something is being \
written, and Stop would have worked at any moment. In a longer silence the server also sends \
a heartbeat every 15 seconds, so that no proxy on the way takes the connection for dead."""

LET_THROUGH = """\
This time you were let through. A moment ago the provider refused the same question with \
HTTP 429 and a Retry-After header. The page said so, and kept its Retry button shut for as \
long as it was told to. Nothing asked again by itself: only you do.

Ask the same once more, and it is refused once more."""

FALLBACK = """\
You asked: “{question}”

A real model would now tell you about that. I only know a handful of answers by heart, so \
let this one show you the way it arrives: about thirty tokens a second, the first of them \
after little more than half a second, each passed on as soon as it is there.

Set ANTHROPIC_API_KEY or OPENAI_API_KEY and start the app again, and the same page will \
answer your question in earnest."""

FILES = """\
This is what came with your question:

{files}

I can read none of it, since I am no language model. A real one is sent the same: each file whole, \
behind its name, and then your words."""

_ENGLISH = {
    "markdown": MARKDOWN,
    "let through": LET_THROUGH,
    "slow start": SLOW_START,
    "long": "\n\n".join(LONG_PARTS),
    "haiku": HAIKU,
    "how": HOW_IT_WORKS,
    "why": WHY_STREAM,
    "flask": FLASK,
    "greeting": GREETING,
    "fallback": FALLBACK,
    "files": FILES,
}

# The first pattern found in the prompt decides, so that a trick wins over a topic.
_TRICKS: tuple[tuple[str, Trick], ...] = (
    (r"\b(rate[ -]?limit|anfragegrenze)|حد الطلبات", "rate limit"),
    (r"\b(cut|abgeschnitten)\b|مقطوعة", "cut"),
    (r"\b(error|fehler)\b|خطأ", "error"),
    (r"\b(slow|langsamer)\b|بطيئة", "slow start"),
    (r"\bhold\b", "hold"),
)
_TOPICS = (
    (r"\bmarkdown\b", "markdown"),
    (r"\b(rate[ -]?limit|anfragegrenze)|حد الطلبات", "let through"),
    (r"\b(slow|langsamer)\b|بطيئة", "slow start"),
    (r"\blong\b", "long"),
    (r"\b(haiku|poem|verse)\b|هايكو", "haiku"),
    (r"\bhow\b.*\b(work|words|page|stream)|\bwie\b.*\bwörter\b|كيف تصل", "how"),
    (r"\b(why|stream|faster|wait|warum)|لماذا", "why"),
    (r"\b(flask|python|wsgi)\b", "flask"),
    (r"\b(hello|hi|hey|hallo)\b|مرحبا", "greeting"),
)


@dataclass(frozen=True)
class Answer:
    """An answer in the blocks it is sent in, and what is to go wrong on the way."""

    blocks: tuple[Block, ...]
    trick: Trick = "none"
    stop_reason: str = "end_turn"

    @property
    def text(self) -> str:
        """All that the user would read."""
        return "".join(block.text for block in self.blocks)

    @property
    def size(self) -> int:
        """How many deltas it comes to, which is what the canned provider counts as tokens."""
        return sum(len(block.deltas) for block in self.blocks)


def answer_to(prompt: str, files: Sequence[tuple[str, int]] = ()) -> Answer:
    """Choose what to say to `prompt`, and how; of files there are names and sizes."""
    texts = _ENGLISH | TRANSLATED.get(language_of(prompt), {})
    trick = trick_of(prompt)
    topic = _first_match(prompt, _TOPICS) or ("fallback" if trick == "none" else "why")
    text = texts[topic]
    if files:
        listed = "\n".join(f"- **{_shortened(name)}**, {size:,} B" for name, size in files)
        text = texts["files"].format(files=listed)
    elif topic == "fallback":
        text = text.format(question=_shortened(prompt))
    return Answer((text_block(text),), trick)


def trick_of(prompt: str) -> Trick:
    """Tell what is to go wrong."""
    return _first_match(prompt, _TRICKS) or "none"


def _first_match(prompt: str, table: tuple[tuple[str, T], ...]) -> T | None:
    for pattern, found in table:
        if re.search(pattern, prompt, re.IGNORECASE | re.DOTALL):
            return found
    return None


def _shortened(prompt: str) -> str:
    words = " ".join(prompt.split())
    return words if len(words) <= 80 else words[:79].rstrip() + "…"
