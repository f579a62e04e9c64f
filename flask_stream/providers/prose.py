"""What the model says and thinks, as it was meant to be read: one for each stream.

Two things are mended here, for all wires, and only in the events; `Turn.message` stays exact.

- Text that goes on behind something else of the model's is set off by a blank line, unless
  either side has a line break there; and so are the parts of its reasoning.
- Reasoning between tags at the very beginning of the text is reasoning.
"""

from __future__ import annotations

from collections.abc import Callable

from ..events import Event, Reasoning, Text

_BREAKS = ("\n", "\r")
_TAGS = ("<think>", "<thinking>", "<thought>", "<reasoning>")
_LONGEST = max(map(len, _TAGS)) + 1  # of an end tag

Told = list[tuple[type[Event], str]]

# How much white space is waited for to end, in characters, where a tag may follow.
_MOST_SPACE = 200


class Prose:
    """Texts and reasoning in, as the pieces come; events out, to `tell`.

    :ivar has_text: some text was told, be it white space.
    :ivar has_words: some of it is more than that.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.has_text = self.has_words = False
        self._tell = tell
        self._text = _Channel(Text)
        self._reasoning = _Channel(Reasoning)
        self._opening: _Opening | None = _Opening()  # None once it is known how it begins

    def text(self, piece: str) -> None:
        """A piece of the text that the user reads, which goes on where the last one ended."""
        if not piece:
            return
        if self._opening is None:
            self._say(piece)
        else:
            self._opened(self._opening.feed(piece))

    def reasoning(self, piece: str, part: object = None) -> None:
        """A piece of reasoning.

        :param part: which of its parts the piece belongs to; another one is set off.
        """
        if piece:
            self._say_waiting()
            self._think(piece, part)

    def aside(self) -> None:
        """Something else of the model's comes here: a call, a result, another message."""
        self._say_waiting()
        self._text.apart = self._reasoning.apart = True

    def end(self) -> None:
        """What was held back is told, at the stream's end, however it ended."""
        self._say_waiting()

    def _say_waiting(self) -> None:
        if self._opening is not None:
            self._opened(self._opening.release())

    def _opened(self, told: Told) -> None:
        if self._opening is not None and self._opening.over:
            self._opening = None
        for kind, piece in told:
            if kind is Text:
                self._say(piece)
            else:
                self._think(piece, _Opening)

    def _say(self, piece: str) -> None:
        self.has_text = True
        self.has_words = self.has_words or not piece.isspace()
        self._reasoning.apart = True
        self._tell(self._text.say(piece))

    def _think(self, piece: str, part: object) -> None:
        self._text.apart = True
        if part != self._reasoning.part:
            self._reasoning.part = part
            self._reasoning.apart = True
        self._tell(self._reasoning.say(piece))


def gap(last: str, piece: str) -> str:
    """What stands between the two: a blank line, unless either has a line break there."""
    return "" if not last or last.endswith(_BREAKS) or piece.startswith(_BREAKS) else "\n\n"


class _Channel:
    """All that is said as events of one kind."""

    def __init__(self, kind: type[Text] | type[Reasoning]) -> None:
        self.kind = kind
        self.apart = False  # something else came behind what was said last
        self.part: object = None
        self._last = ""  # the last piece

    def say(self, piece: str) -> Event:
        last, self._last = self._last, piece
        if self.apart:
            self.apart = False
            piece = gap(last, piece) + piece
        return self.kind(piece)


class _Opening:
    """The beginning of the text: a tag, what stands between it and its end tag, the text.

    Held back is only what may be the beginning of a tag, and white space beside tags.

    :ivar over: from here on all of it is text.
    """

    def __init__(self) -> None:
        self.over = False
        self._held = ""
        self._spaces = 0  # that were let go before a tag came
        self._read = self._look
        self._end = ""  # the end tag that is looked for
        self._begun = False  # behind the tag, more than white space has come

    def feed(self, piece: str) -> Told:
        self._held += piece
        return self._read()

    def release(self) -> Told:
        """All that is held, since something else comes."""
        held, self._held = self._held, ""
        if not held:
            return []
        if self._end:
            self._begun = True
            return [(Reasoning, held)]
        self._spaces += len(held)
        self.over = not held.isspace()
        return [(Text, held)]

    def _look(self) -> Told:
        """Is there a tag? Not yet, or not any more."""
        begun = self._held.lstrip()
        spaces = self._spaces + len(self._held) - len(begun)
        for tag in _TAGS if spaces <= _MOST_SPACE else ():
            if begun.startswith(tag):
                self._held, self._end = begun[len(tag) :], f"</{tag[1:]}"
                self._read = self._think
                return self._think()
            if tag.startswith(begun):
                return []
        self.over = True
        return [(Text, self._held)]

    def _think(self) -> Told:
        """Behind a tag: reasoning, up to its end tag."""
        if not self._begun:
            self._held = self._held.lstrip()
        inside, end, rest = self._held.partition(self._end)
        if end:
            self._held = rest
            self._read = self._answer
            said = inside.rstrip()
        else:
            said = inside[: len(inside) - _held_back(inside, self._end)]
            self._held = inside[len(said) :]
        thought: Told = [(Reasoning, said)] if said else []
        self._begun = self._begun or bool(said)
        return thought + self._answer() if end else thought

    def _answer(self) -> Told:
        """Behind the end tag: white space before the first word is left out."""
        words, self._held = self._held.lstrip(), ""
        self._end = ""
        self.over = bool(words)
        return [(Text, words)] if words else []


def _held_back(text: str, end: str) -> int:
    """How much at the end of `text` may be white space before `end`, and its beginning."""
    tail = text[-_MOST_SPACE - _LONGEST :]
    start = tail.rfind("<")
    if start < 0 or not end.startswith(tail[start:]):
        start = len(tail)
    return len(tail) - len(tail[:start].rstrip())
