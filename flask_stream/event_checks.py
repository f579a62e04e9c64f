"""What an event may be made of: a name that a page can tell from all others, and JSON."""

from __future__ import annotations

import json
from collections.abc import Set

#: Events that EventSource fires itself (WHATWG HTML, section 9.2.2).
OF_EVENTSOURCE = frozenset({"error", "open", "message"})

# Of those that an app may not yield by their class either, or that no page is told.
_SENT_BY_US = frozenset({"start", "step", "done", "failed"})


def check_name(name: object, reserved: Set[str]) -> None:
    """Refuse a name that no event of the app's own may have.

    :param reserved: those of Flask-Stream's own events.
    :raises TypeError: it is no str.
    :raises ValueError: it is taken, or would break the SSE frame.
    """
    if not isinstance(name, str):
        raise TypeError(f"An event name must be a str, not {type(name).__name__}.")
    if not name or any(c in name for c in "\r\n\0"):
        raise ValueError(
            f"{name!r} cannot be an event name: it must not be empty nor hold CR, LF "
            'or NUL, which would break the SSE frame. Use a word like "progress".'
        )
    if name in _SENT_BY_US:
        raise ValueError(
            f"{name!r} is one of Flask-Stream's own event names, and it alone sends that event. "
            "Choose another name."
        )
    if name in reserved:
        raise ValueError(
            f"{name!r} is one of Flask-Stream's own event names, so Data may not use "
            "it. Yield the event class of that name, or choose another name."
        )
    if name in OF_EVENTSOURCE:
        raise ValueError(
            f"{name!r} is a name that EventSource fires itself, so a page could not "
            "tell the two apart. Choose another name."
        )


def check_json(value: object, what: str) -> None:
    """Refuse what JSON cannot carry.

    :param what: names the value in the message.
    :raises TypeError: it cannot.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{what} must be something that JSON can carry, but json.dumps() says: {error}. "
            "Make it of dict, list, str, int, float (no NaN), bool and None."
        ) from error
