"""`FlaskStream.source`: an app registers what reads another library's streams."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from .errors import SourceError
from .providers.libraries import Read, register

ReadFunction = TypeVar("ReadFunction", bound=Read)


def source(predicate: Callable[[Any], bool]) -> Callable[[ReadFunction], ReadFunction]:
    """Have a function read another library's streams, for `return` and `relay` alike.

    ``@stream.source(lambda obj: isinstance(obj, acme.Answer))`` above a generator function
    that is given the stream, and yields what it says: `str` and events. It may return an
    :class:`~flask_stream.End`; what it raises fails the stream. In this process it is asked
    before all that Flask-Stream knows, and before those that were registered earlier.

    :param predicate: called with what a view returned or `relay` was given; and, where that
        tells nothing, with its first item.
    :raises SourceError: one of the two is no function, or the second no generator function; or
        the first is a class, or the generator function itself.
    """
    # A class makes something of any object, and a generator function a generator: both are true.
    is_other = isinstance(predicate, type) or inspect.isgeneratorfunction(predicate)
    if is_other or not callable(predicate):
        raise SourceError(
            f"stream.source() was given {predicate!r}, but it takes a function that says "
            "whether an object is such a stream: lambda obj: isinstance(obj, acme.Answer). Write "
            "@stream.source(…) with it, above the generator function that reads one."
        )

    def registered(read: ReadFunction) -> ReadFunction:
        if not inspect.isgeneratorfunction(read):
            raise SourceError(
                f"@stream.source was put above {read!r}, but it must be a generator function "
                "(a plain def that yields), which is given the stream."
            )
        register(predicate, read)
        return read

    return registered
