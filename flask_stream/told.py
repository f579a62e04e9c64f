"""The log, and what is told in it of what others wrote: on one line, cut, and without keys.

A model, a provider, a path or a user may write anything: line ends that would make two entries
of one, what a terminal obeys, megabytes, and a key that an HTTP client repeats in its error. So
the logger is here, and whatever is logged with it passes through here.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import TracebackType
from typing import Any

from .credentials import without_credentials

logger = logging.getLogger("flask_stream")

_MOST = 2000  # characters of one value
_MOST_OF_FIELD = 200

# A traceback's. Each is far above what an ordinary one has.
_MOST_ERRORS = 5  # one raised from another, or in one group
_MOST_GROUPS = 5  # one in another
_MOST_NOTES = 5
_FIRST_FRAMES, _LAST_FRAMES = 10, 20
_MOST_LINES = 400

_PLAIN = re.compile(r"""[^\s"'=\\]+""")


def one_line(value: object, most: int = _MOST) -> str:
    """What a log, or a page in debug mode, may show of what somebody else wrote.

    One line of at most `most` characters, and behind them how many there were; whatever is no
    printable character or a space (control characters, line separators, marks that turn the
    direction of text, half a surrogate pair) is escaped as Python does; what looks like a
    credential is `***`. That is told by its looks alone, so a secret without such is shown.
    """
    text = text_of(value)
    line = "".join(_escaped(char) for char in without_credentials(text, most))
    if len(text) <= most and len(line) <= most:
        return line
    return f"{line[:most]}… ({len(text)} characters)"


def field(key: str, value: object) -> str:
    """`key=value` of a log's line; a dash where there is no value.

    A value that could be taken for something else (it has spaces, quotes, `=`, or is a dash) is
    a JSON string. At most 200 characters of it.
    """
    if value is None:
        return f"{key}=-"
    text = one_line(value, _MOST_OF_FIELD)
    if text == "-" or not _PLAIN.fullmatch(text):
        text = json.dumps(text, ensure_ascii=False)
    return f"{key}={text}"


class Fields:
    """The `key=value`s of a log's line: each is made fit for it by itself.

    What looks like the beginning of a credential in one of them hides nothing of the next.
    """

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    def __str__(self) -> str:
        return " ".join(field(key, value) for key, value in self._fields.items())


def text_of(value: object) -> str:
    """As `str` has it; what raises there is its type."""
    try:
        return str(value)
    except Exception:  # of its own class, or for its depth: the run is worth more than its line
        return f"({type(value).__name__} that cannot be shown)"


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def raised(error: BaseException | None) -> _Raised | None:
    """`exc_info` for the logger, which would ask the exception for its traceback."""
    return None if error is None else (type(error), error, _own(error, "__traceback__"))


_Raised = tuple[type[BaseException], BaseException, TracebackType | None]


class _Told(logging.Filter):
    """Makes a record fit for the log. What is no text of ours comes as an argument of its own.

    It never raises: a run ends as it should, whatever is to be told of it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        # A dict that is the only argument comes without its tuple (logging.LogRecord).
        arguments = record.args if isinstance(record.args, tuple) else (record.args,)
        record.args = tuple(map(_argument, arguments)) if record.args else ()
        if record.exc_info and record.exc_info[1] is not None:
            # A formatter takes this for what it has made of `exc_info` (logging.Formatter.format).
            record.exc_text = _traceback_of(record.exc_info[1])
        return True


logger.addFilter(_Told())


def _argument(value: Any) -> Any:
    if value is None or issubclass(type(value), int | float):
        return value
    return str(value) if type(value) is Fields else one_line(value)


def _traceback_of(error: BaseException) -> str:
    try:
        return "\n".join(islice(_traceback(error), _MOST_LINES))
    except Exception:  # it may be of any class, and have any frames
        return "  (a traceback that cannot be shown)"


def _traceback(error: BaseException, groups: int = 0) -> Iterator[str]:
    """As Python tells it, the first cause first, but that each line has its bound, what an
    exception says is one line, and all lines are indented: whatever stands at the beginning of a
    line is an entry of the log.

    :param groups: how many exception groups it is in.
    """
    chain = [error]
    while (before := _before(chain[-1])) is not None and not any(before is e for e in chain):
        if len(chain) == _MOST_ERRORS:
            yield "  (What led to the first of these is left out.)"
            break
        chain.append(before)
    for each in reversed(chain):
        yield "  Traceback (most recent call last):"
        yield from _frames(each)
        yield f"  {one_line(_said(each))}"
        for part in _parts(each) if groups < _MOST_GROUPS else ():
            yield from (f"  {line}" for line in _traceback(part, groups + 1))
        if each is not error:
            yield "  Which led to:"


def _own(error: BaseException, name: str) -> Any:
    """What every exception has. Its class may have something else by that name, or raise."""
    return getattr(BaseException, name).__get__(error)


def _before(error: BaseException) -> BaseException | None:
    cause: BaseException | None = _own(error, "__cause__")
    if cause is not None or _own(error, "__suppress_context__"):
        return cause
    context: BaseException | None = _own(error, "__context__")
    return context


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    """Of an exception group, some. Others may have an attribute of that name, which is theirs."""
    if not issubclass(type(error), BaseExceptionGroup):
        return ()
    parts: tuple[BaseException, ...] = BaseExceptionGroup.exceptions.__get__(error)
    return parts[:_MOST_ERRORS]


def _said(error: BaseException) -> str:
    """Its own line, without what it is made of (as traceback has it), and its notes."""
    cls = type(error)
    name = cls.__qualname__
    if cls.__module__ not in ("builtins", "__main__"):
        name = f"{cls.__module__}.{name}"
    text = text_of(error)
    return "\n".join([f"{name}: {text}" if text else name, *_notes(error)])


def _notes(error: BaseException) -> list[str]:
    try:
        notes = error.__notes__
    except Exception:  # there are none, or its class has an end of its own for asking
        return []
    return [text_of(note) for note in notes[:_MOST_NOTES]] if type(notes) is list else []


def _frames(error: BaseException) -> Iterator[str]:
    frames = traceback.extract_tb(_own(error, "__traceback__"))
    first, last = frames[:_FIRST_FRAMES], frames[_FIRST_FRAMES:][-_LAST_FRAMES:]
    left_out = len(frames) - len(first) - len(last)
    for part in (first, last):
        if part is last and left_out:
            yield f"    ({left_out} frames left out)"
        for text in traceback.format_list(part):
            yield from (f"  {one_line(line, _MOST_OF_FIELD)}" for line in text.splitlines())


def call_all(waiting: list[Callable[[], None]], whose: str) -> None:
    """Call those who wait for an end, the last one first, each once; log who fails.

    :param waiting: it may still grow; afterwards it is empty.
    """
    while waiting:
        try:
            call = waiting.pop()
        except IndexError:  # somebody else has taken the last one
            return
        try:
            call()
        except Exception:
            logger.exception("%s: the clean-up at its end failed", whose)
