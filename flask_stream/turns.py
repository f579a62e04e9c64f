"""`stream_turns`: what was said before, as the client of a chat draws it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import current_app, has_app_context
from markupsafe import Markup

from .attempts import MOST_OF_ID, is_submission
from .errors import FlaskStreamError
from .web import attributes

_ROLES = ("user", "assistant")
_RATINGS = ("up", "down", "", None)
# A question of more characters has one direction, and none for each paragraph. The client's
# turns.js has the same number, and says why.
_LONG = 100_000
_EXPECTED = (
    'A turn is a mapping, a row or an object with `role` ("user" or "assistant") and `text`, such '
    'as {"role": "user", "text": "Why?"}.'
)


def stream_turns(turns: Iterable[Any]) -> Markup:
    """What was said before, for a page's own ``<flask-chat>``; text, where there is no script.

    :param turns: mappings, rows or objects, oldest first. Each has ``role`` ("user" or "assistant")
        and ``text`` (a str; of an answer, its Markdown), and may have:

        ``id``
            The question's ``stream.submission``, of its answer too, by which it can be asked
            again: a str, an int or a UUID, of 1 to 255 visible ASCII characters. ``""`` and None
            are none.
        ``model``, ``at``
            Of an answer. ``at`` is a datetime, in UTC where it has no zone.
        ``files``
            Of a question: the names of its files, an iterable of str.
        ``sources``
            Of an answer: as those of a Result.
        ``note``
            A line of words below it: that it was cut off, for one.
        ``rating``
            What the reader said of it: "up" or "down"; ``""`` and None: nothing.
    :returns: one ``<div>`` a turn, for an element with ``data-stream="output"``.
    :raises ValueError: `turns` is no iterable, or one of them is no turn; it says which, and why.
    :raises FlaskStreamError: outside of an app's context.
    """
    return Markup().join(_turn(turn, number) for number, turn in enumerate(listed(turns), 1))


def listed(turns: Iterable[Any]) -> list[Any]:
    """The turns, read now.

    :raises ValueError: it is no iterable of anything that may be turns.
    :raises FlaskStreamError: outside of an app's context.
    """
    if not has_app_context():
        raise FlaskStreamError(
            "stream_turns() looks at turns as the app's templates do, and no app is under way "
            "here. Call it in a template, in a view, or within app.app_context()."
        )
    if isinstance(turns, str | Mapping) or not isinstance(turns, Iterable):
        raise ValueError(
            f"turns is {turns!r:.200}, but it must be a list of turns (or any other iterable), "
            f"which is empty where nothing was said. {_EXPECTED}"
        )
    return list(turns)


def strings(what: str, given: Iterable[str]) -> list[str]:
    """What must be an iterable of str, which a str is too, of its letters.

    :param what: what the error calls it.
    :raises ValueError: it is none.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(
            f"{what} must be a list of strings (one of them, too: [...]), but this is "
            f"{given!r:.200}."
        )
    items = list(given)
    for item in items:
        if not isinstance(item, str):
            raise ValueError(
                f"{what} must be a list of strings, but {item!r:.200} in it is of type "
                f"{type(item).__name__}. (gettext gives a str, lazy_gettext does not.)"
            )
    return items


def role_of(turn: Any) -> Any:
    """Whose it is."""
    return _of(turn, "role")


def _turn(turn: Any, number: int) -> Markup:
    if isinstance(turn, str):
        raise ValueError(f"Turn {number} is the str {turn!r:.200}. {_EXPECTED}")
    role, at = role_of(turn), _of(turn, "at")
    if role not in _ROLES:
        raise ValueError(
            f"Turn {number} has the role {role!r}, but it must be one of: {', '.join(_ROLES)}. "
            "What else a provider was told (its system prompt, tools) is not for the reader: leave "
            f"it out. {_EXPECTED}"
        )
    text = _text(turn, number)
    if isinstance(at, datetime):
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    written = attributes(
        {
            "data-turn": "user" if role == "user" else "",
            "data-id": _id(turn, number),
            "data-model": _of(turn, "model"),
            "data-at": at,
            "data-rating": _rating(turn, number),
        }
    )
    long = attributes({"data-long": role == "user" and len(text) > _LONG})
    if below := _below(turn, number):
        words = Markup('<div data-part="text" data-raw{}>{}</div>').format(long, text)
        return Markup("<div{}>{}{}</div>").format(written, words, below)
    return Markup("<div{}{}>{}</div>").format(written, long, text)


def _text(turn: Any, number: int) -> str:
    text = _of(turn, "text")
    if isinstance(text, str):
        return str(text)  # Markup, too: the client reads it as Markdown, and HTML is shown as text
    if text is None and _of(turn, "content") is not None:
        raise ValueError(
            f"Turn {number} has `content`, as a provider's messages have, and no `text`. Write "
            f"its words as `text`. {_EXPECTED}"
        )
    raise ValueError(f"The text of turn {number} is {text!r:.200}, but it must be a string.")


def _id(turn: Any, number: int) -> str | None:
    id = _of(turn, "id")
    if id is None or id == "":
        return None
    is_one = isinstance(id, str | int | UUID) and not isinstance(id, bool)
    if not is_one or not is_submission(str(id)):
        raise ValueError(
            f"The id of turn {number} is {id!r:.300}, but it must be its question's "
            f"stream.submission: 1 to {MOST_OF_ID} characters, all of them visible ASCII. The "
            "client sends it back as a header. Leave it out where the turn cannot be asked again."
        )
    return str(id)


def _rating(turn: Any, number: int) -> str | None:
    rating = _of(turn, "rating")
    if rating not in _RATINGS:
        raise ValueError(
            f'The rating of turn {number} is {rating!r:.200}, but it must be "up", "down", "" or '
            "None: what was posted to feedback= as `value`."
        )
    return rating or None


def _below(turn: Any, number: int) -> Markup:
    """What stands under the words of a turn."""
    written = Markup()
    if files := _of(turn, "files"):
        items = strings(f"The files of turn {number}", files)
        names = Markup().join(Markup('<li dir="auto">{}</li>').format(name) for name in items)
        written += Markup('<ul data-chat="files">{}</ul>').format(names)
    if note := _of(turn, "note"):
        written += Markup('<p data-chat="note">{}</p>').format(note)
    if sources := _of(turn, "sources"):
        links = Markup().join(_source(source, number) for source in sources)
        written += Markup('<ul data-part="sources">{}</ul>').format(links)
    return written


def _source(source: Any, number: int) -> Markup:
    """As the client writes one: what a provider or a page of the web says is not trusted."""
    if isinstance(source, str):
        raise ValueError(
            f"A source of turn {number} is the str {source!r:.200}. A source is a mapping or an "
            'object with `url` or `title`, such as {"url": "https://example.org/", "title": "A '
            'page"}, or a Source. `sources` is a list of them.'
        )
    url, title, document = (_of(source, name) for name in ("url", "title", "document"))
    for name, value in {"url": url, "title": title, "document": document}.items():
        if not isinstance(value, str | None):
            raise ValueError(
                f"The {name} of a source of turn {number} is {value!r:.200}, but it must be a "
                "string or None."
            )
    url = url or ""
    words = title or document or url
    if url.lower().startswith(("https://", "http://")):
        link = Markup('<li><a href="{}" rel="noopener nofollow"><bdi>{}</bdi></a></li>')
        return link.format(url, words)
    return Markup("<li><bdi>{}</bdi></li>").format(words)


def _of(turn: Any, name: str) -> Any:
    """What a mapping, a row or an object has by that name; else None."""
    environment = current_app.jinja_env
    value = environment.getitem(turn, name)
    return None if isinstance(value, environment.undefined) else value
