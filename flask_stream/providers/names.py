"""By which names a provider's things are known: its fields, and its SDK's classes."""

from __future__ import annotations

import re


def snake(key: str) -> str:
    """A field's name in small letters: `errorCode` is `error_code`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", key).lower() if not key.isupper() else key.lower()


def class_names(obj: object, *roots: str) -> set[str]:
    """The names of those classes of `obj` that come from one of the top-level packages.

    SDK objects are known this way, and never by isinstance, so that no SDK is imported.
    The real type is asked, not ``__class__``: a tracing proxy is not the stream it wraps.
    """
    return {c.__name__ for c in type(obj).__mro__ if c.__module__.partition(".")[0] in roots}


def with_article(name: str) -> str:
    """`an int`, `a Message`."""
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"
