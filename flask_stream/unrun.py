"""What a call gave where it should have done its work: a coroutine, or a generator."""

from __future__ import annotations

import inspect

from .providers.names import with_article
from .providers.not_streams import discard


def unrun(given: object) -> str:
    """What kind of thing a call gave that still has to be run, which nobody does: `a coroutine`.

    Nothing, where the call has done its work. A coroutine is closed: it would warn.
    """
    if inspect.iscoroutine(given):
        discard(given)
    elif not (inspect.isgenerator(given) or inspect.isasyncgen(given)):
        return ""
    return with_article(type(given).__name__)
