"""The answer that every contender shows: made up, but built as a model's long answer is."""

from __future__ import annotations

import random

DELTA = 5  # characters
END = "\n\nThat is the whole answer."

WORDS = """
    the a of to in is that it for as with on be by this are from or an at which you can when
    request response stream server client worker thread socket buffer token answer reader page
    browser connection timeout header proxy route session value error moment part first second
    slow quick open closed short long small large simple own same next last often never usually
    reads writes sends keeps waits ends begins shows holds counts
""".split()  # noqa: SIM905 (eighty lines of one word each)
# What a sentence does with one of its words.
FORMS = ["**{}**", "*{}*", "`{}`", "[{}](https://example.org/)", "“{}”", "naïve {}", "{} 😀", "{},"]


def answer(length: int) -> str:
    """Markdown of exactly so many characters, the same each time."""
    rng = random.Random(length)
    specials = [_steps, _code, _table, _points, _quote]
    parts: list[str] = []
    left = length - len(END)
    while True:
        heading = f"## {_words(rng, 4).capitalize()}"
        special = specials[len(parts) % len(specials)](rng)
        blocks = [heading, _paragraph(rng), _paragraph(rng), special, _paragraph(rng)]
        part = "\n\n".join(blocks) + "\n\n"
        if len(part) > left:
            break
        parts.append(part)
        left -= len(part)
    filling = " ".join(_sentence(rng) for _ in range(left // 20 + 1))
    return "".join([*parts, filling[:left], END])


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def _sentence(rng: random.Random) -> str:
    words = rng.choices(WORDS, k=rng.randint(8, 18))
    at = rng.randrange(len(words))
    words[at] = rng.choice(FORMS).format(words[at])
    text = " ".join(words)
    return text[0].upper() + text[1:] + "."


def _paragraph(rng: random.Random) -> str:
    return " ".join(_sentence(rng) for _ in range(rng.randint(3, 6)))


def _steps(rng: random.Random) -> str:
    return "\n".join(f"{number}. {_sentence(rng)}" for number in range(1, rng.randint(5, 8)))


def _points(rng: random.Random) -> str:
    return "\n".join(f"- {_sentence(rng)}\n  - {_words(rng, 5)}" for _ in range(rng.randint(3, 5)))


def _quote(rng: random.Random) -> str:
    return f"> {_sentence(rng)}\n> {_sentence(rng)}"


def _code(rng: random.Random) -> str:
    lines = ["```python"]
    for name in rng.sample(WORDS, k=3):
        lines += [f"def {name}_it(request):", f"    # {_words(rng, 7)}"]
        lines += [f'    {name} = request.get("{word}")' for word in rng.sample(WORDS, k=3)]
        lines += [f"    return {name}", ""]
    return "\n".join([*lines, "```"])


def _table(rng: random.Random) -> str:
    rows = [f"| {_words(rng, 2)} | `{_words(rng, 1)}` | {rng.randint(1, 999)} |" for _ in range(6)]
    return "\n".join(["| what | where | how many |", "|---|---|---:|", *rows])
