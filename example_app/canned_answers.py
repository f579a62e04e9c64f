"""What the canned provider says, and which of its tricks a prompt asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")
Trick = Literal["cut", "error", "rate limit", "hold", "none"]

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

From there each piece of text is sent as one server-sent event, in the same request and \
the same thread. The element on this page reads the events and puts the words in as text, \
once a frame. At the end comes one more event that says how it ended: an answer that \
was cut off never looks like one that is complete."""

FLASK = """\
Flask answers a request with whatever its view returns, and a WSGI response may be an \
iterable, so it has always been able to stream. What was missing is the care around it: \
headers that keep proxies from buffering, a provider's error in mid-sentence, a reader \
who closes the tab while you pay for every token.

Those are a few dozen small decisions, all invisible when they are right. With the \
decorator they are made once, and your view stays three lines long."""

HAIKU = """\
A cursor, blinking.
One word, and then another:
nobody waits now."""

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

FALLBACK = """\
You asked: “{question}”

A real model would now tell you about that. I only know a handful of answers by heart, so \
let this one show you the way it arrives: about thirty tokens a second, the first of them \
after little more than half a second, each passed on as soon as it is there.

Set ANTHROPIC_API_KEY or OPENAI_API_KEY and start the app again, and the same page will \
answer your question in earnest."""

# The first pattern found in the prompt decides, so that a trick wins over a topic.
_TRICKS: tuple[tuple[str, Trick], ...] = (
    (r"\brate[ -]?limit", "rate limit"),
    (r"\bcut\b", "cut"),
    (r"\berror\b", "error"),
    (r"\bhold\b", "hold"),
)
_TOPICS = (
    (r"\blong\b", "\n\n".join(LONG_PARTS)),
    (r"\b(haiku|poem|verse)\b", HAIKU),
    (r"\bhow\b.*\b(work|words|page|stream)", HOW_IT_WORKS),
    (r"\b(why|stream|faster|wait)", WHY_STREAM),
    (r"\b(flask|python|wsgi)\b", FLASK),
    (r"\b(hello|hi|hey)\b", GREETING),
)


@dataclass(frozen=True)
class Answer:
    """An answer in the pieces it is sent in, and what is to go wrong on the way."""

    pieces: tuple[str, ...]
    trick: Trick


def answer_to(prompt: str) -> Answer:
    """Choose what to say to `prompt`, and how."""
    text = _first_match(prompt, _TOPICS)
    trick = _first_match(prompt, _TRICKS)
    if text is None:
        text = WHY_STREAM if trick else FALLBACK.format(question=_shortened(prompt))
    return Answer(pieces=_pieces(text), trick=trick or "none")


def _first_match(prompt: str, table: tuple[tuple[str, T], ...]) -> T | None:
    for pattern, found in table:
        if re.search(pattern, prompt, re.IGNORECASE | re.DOTALL):
            return found
    return None


def _shortened(prompt: str) -> str:
    words = " ".join(prompt.split())
    return words if len(words) <= 80 else words[:79].rstrip() + "…"


def _pieces(text: str) -> tuple[str, ...]:
    """Cut at most six letters at a time, about what a model's tokens come to in English."""
    return tuple(re.findall(r"\s*\S{1,6}", text))
