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
from collections.abc import Iterator
from itertools import islice
from typing import Any

logger = logging.getLogger("flask_stream")

_MOST = 2000  # characters of one value
_MOST_OF_FIELD = 200
_LONGEST_SECRET = 1000  # one that begins among the characters shown is looked for so far beyond

# A traceback's. Each is far above what an ordinary one has.
_MOST_ERRORS = 5  # one raised from another
_FIRST_FRAMES, _LAST_FRAMES = 10, 20
_MOST_LINES = 400

# What looks like a credential: the group is what stands before it. By its place in a URL, by the
# name before it, or by its own shape; whatever has none of these is not known for one.
_SECRETS = re.compile(
    r"""
      (://) [^\s/?#"'<>]{1,300} @                                         # user:password@host
    | (\b[\w.%+-]{1,64}:) [^\s/?#@:"'<>]{1,300} (?=@[\w\[])               # the same without ://
    | ([?&;](?:key|sig|auth|pass)=) [^\s&"'<>]+                           # ?key=
    | ((?:api[-_]?key|authorization)\\{0,4}["']?\s{0,3}[=:]\s{0,3}(?:(?:basic|bearer)\s+)?)
      (?:\\{0,4}"[^"]{1,900}"?|\\{0,4}'[^']{1,900}'?|[^\s&"'<>,;)}]+)     # api_key=, x-api-key:
    | ((?:token|secret|passw(?:or)?d|signature|credential)=)
      (?:"[^"]{1,900}"?|'[^']{1,900}'?|[^\s&"'<>,;)}]+)                   # access_token=
    | ((?:token|secret|passw(?:or)?d|api\ key(?:\ provided)?)\\{0,4}["']?:\s{0,3})
      (?:\\{0,4}"[^"]{1,900}"?|\\{0,4}'[^']{1,900}'?|[\w.+/=*-]{12,})     # "token": "…"
    | (\bbearer\s+) (?=[\w.~+/-]{0,300}\d) [\w.~+/=-]{8,}                 # Bearer …
    | (\b(?:sk|pk|rk|gsk|ghp|hf|r8|xai|pplx)[-_]) (?=[\w-]{0,300}\d) [\w-]{12,}  # sk-…
    | (\bAIza) [\w-]{30,}                                                 # Google's
    | (\beyJ) [\w-]{8,} \. [\w-]+ \. [\w-]*                               # a JSON web token
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HIDDEN = "***"

_PLAIN = re.compile(r"""[^\s"'=\\]+""")


def shown(value: object, most: int = _MOST) -> str:
    """What a log, or a page in debug mode, may show of what somebody else wrote.

    One line of at most `most` characters, and behind them how many there were; whatever is no
    printable character or a space (control characters, line separators, marks that turn the
    direction of text, half a surrogate pair) is escaped as Python does; what looks like a
    credential is `***`. That is told by its looks alone, so a secret without such is shown.
    """
    text = _text(value)
    line = "".join(_escaped(char) for char in _without_secrets(text, most))
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
    text = shown(value, _MOST_OF_FIELD)
    if text == "-" or not _PLAIN.fullmatch(text):
        text = json.dumps(text, ensure_ascii=False)
    return f"{key}={text}"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # of its own class, or for its depth: the run is worth more than its line
        return f"({type(value).__name__} that cannot be shown)"


def _without_secrets(text: str, most: int) -> str:
    kept: list[str] = []
    at = 0
    for found in _SECRETS.finditer(text, 0, most + _LONGEST_SECRET):
        if found.start() >= most:
            break
        kept += [text[at : found.start()], found[found.lastindex or 0], _HIDDEN]
        at = found.end()
    kept.append(text[at:most])
    return "".join(kept)


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


class _Told(logging.Filter):
    """Makes a record fit for the log. What is no text of ours comes as an argument of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        # A dict that is the only argument comes without its tuple (logging.LogRecord).
        arguments = record.args if isinstance(record.args, tuple) else (record.args,)
        record.args = tuple(map(_argument, arguments)) if record.args else ()
        if record.exc_info and record.exc_info[1] is not None:
            # A formatter takes this for what it has made of `exc_info` (logging.Formatter.format).
            record.exc_text = "\n".join(islice(_traceback(record.exc_info[1]), _MOST_LINES))
        return True


logger.addFilter(_Told())


def _argument(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float) else shown(value)


def _traceback(error: BaseException) -> Iterator[str]:
    """As Python tells it, the first cause first, but that each line has its bound, what an
    exception says is one line, and all lines are indented: whatever stands at the beginning of a
    line is an entry of the log."""
    chain = [error]
    while (before := _before(chain[-1])) is not None and not any(before is e for e in chain):
        if len(chain) == _MOST_ERRORS:
            yield "  (What led to the first of these is left out.)"
            break
        chain.append(before)
    for each in reversed(chain):
        yield "  Traceback (most recent call last):"
        yield from _frames(each)
        said = "".join(traceback.format_exception_only(each)).rstrip("\n")
        yield f"  {shown(said)}"
        for part in getattr(each, "exceptions", ())[:_MOST_ERRORS]:  # an ExceptionGroup's
            yield from (f"  {line}" for line in _traceback(part))
        if each is not error:
            yield "  Which led to:"


def _before(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _frames(error: BaseException) -> Iterator[str]:
    frames = traceback.extract_tb(error.__traceback__)
    first, last = frames[:_FIRST_FRAMES], frames[_FIRST_FRAMES:][-_LAST_FRAMES:]
    left_out = len(frames) - len(first) - len(last)
    for part in (first, last):
        if part is last and left_out:
            yield f"    ({left_out} frames left out)"
        for text in traceback.format_list(part):
            yield from (f"  {shown(line, _MOST_OF_FIELD)}" for line in text.splitlines())
