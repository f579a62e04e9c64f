"""`asking_log`: what is wrong with a log, as who asks it for a request is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import texts
from .errors import RunError
from .logs.log import LogError


@contextmanager
def asking_log() -> Iterator[None]:
    """Around what is asked of a log.

    :raises RunError: it cannot be used: 503.
    """
    try:
        yield
    except LogError as error:
        raise RunError(
            texts.CANNOT_KEEP,
            error_code="internal",
            retryable=True,
            status=503,
            detail=str(error),
        ) from error
