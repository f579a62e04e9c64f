"""The words of one stream as they were meant to be read.

Two things that the wires leave to whoever shows them: words that go on behind something else
are set off by a blank line, and what stands between `<think>` tags at the very beginning of
the text is reasoning.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..events import Event, Reasoning, Text, Words

_LINE_BREAKS = ("\n", "\r")

_TAGS = ("<think>", "<thinking>", "<thought>", "<reasoning>")

# How much white space may stand before such a tag. Held back until it is known what follows.
_MOST_WHITE_SPACE = 64


class Prose:
    """Text and reasoning of one stream, from its reader's pieces to events."""

    def __init__(self) -> None:
        self._texts, self._thoughts = _Strand(Text), _Strand(Reasoning)
        self._tags: _Tags | None = _Tags()

    def text(self, piece: str) -> Iterator[Event]:
        """A piece of what the user reads."""
        if self._tags is None:
            yield from self._told(Text, piece)
        else:
            yield from self._sorted(self._tags, self._tags.feed(piece))

    def reasoning(self, piece: str) -> Iterator[Event]:
        """A piece of what the model thinks."""
        if piece:
            yield from self.end()
            yield from self._told(Reasoning, piece)

    def part(self) -> None:
        """A message or a part of reasoning of its own begins."""
        self._texts.interrupt()
        self._thoughts.interrupt()

    def interrupt(self) -> Iterator[Event]:
        """Something that is no words comes: a tool call, its result."""
        yield from self.end()
        self.part()

    def end(self) -> Iterator[Event]:
        """What was held back, since it could have become a tag."""
        if self._tags is not None:
            yield from self._sorted(self._tags, self._tags.end())

    def _sorted(self, tags: _Tags, parts: Iterator[tuple[bool, str]]) -> Iterator[Event]:
        for is_thought, words in parts:
            yield from self._told(Reasoning if is_thought else Text, words)
        if tags.over:
            self._tags = None

    def _told(self, kind: type[Words], words: str) -> Iterator[Event]:
        if words:
            strand, other = self._texts, self._thoughts
            if kind is Reasoning:
                strand, other = other, strand
            other.interrupt()
            yield strand.words(words)


class _Strand:
    """The words of one kind."""

    def __init__(self, kind: type[Words]) -> None:
        self._kind = kind
        self._begun = self._interrupted = False
        self._ends_line = False

    def interrupt(self) -> None:
        self._interrupted = self._begun

    def words(self, piece: str) -> Event:
        gap = ""
        if self._interrupted:
            self._interrupted = False
            if not self._ends_line and not piece.startswith(_LINE_BREAKS):
                gap = "\n\n"
        self._begun = True
        self._ends_line = piece.endswith(_LINE_BREAKS)
        return self._kind(gap + piece)


class _Tags:
    """Finds a tag at the beginning of a text, and its end; gives (is it thought?, words).

    What could still become a tag waits: at most a tag's length, and some white space.

    :ivar over: whatever follows is text.
    """

    def __init__(self) -> None:
        self.over = False
        self._held = ""
        self._end_tag = ""  # once there has been a beginning
        self._behind = False  # the end tag; white space that follows goes with it
        self._begun = False  # the thoughts; white space before them goes with the tag

    def feed(self, piece: str) -> Iterator[tuple[bool, str]]:
        self._held += piece
        if not self._end_tag and not self._finds_tag():
            if self.over:
                yield False, self._take()
            return
        if not self._behind:
            yield from self._thoughts()
        if self._behind:
            self._held = self._held.lstrip()
            if self._held:
                self.over = True
                yield False, self._take()

    def end(self) -> Iterator[tuple[bool, str]]:
        """What is held back; it can become no tag any more."""
        if not self._end_tag:
            self.over = bool(self._held)
        yield bool(self._end_tag), self._take()

    def _finds_tag(self) -> bool:
        start = self._held.lstrip()
        for tag in _TAGS:
            if start.startswith(tag):
                self._held = start[len(tag) :]
                self._end_tag = f"</{tag[1:]}"
                return True
        could_be = any(tag.startswith(start) for tag in _TAGS)
        self.over = not could_be or len(self._held) - len(start) > _MOST_WHITE_SPACE
        return False

    def _thoughts(self) -> Iterator[tuple[bool, str]]:
        if not self._begun:
            self._held = self._held.lstrip()
            self._begun = bool(self._held)
        thoughts, tag, rest = self._held.partition(self._end_tag)
        if tag:
            self._behind = True
            self._held = rest
            thoughts = thoughts.rstrip()
        else:
            told = len(self._held) - _begun_tag(self._held, self._end_tag)
            thoughts, self._held = self._held[:told], self._held[told:]
        if thoughts:
            yield True, thoughts

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held


def _begun_tag(text: str, tag: str) -> int:
    """How many of the last characters of `text` could be the beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
