"""What `@stream.response` is given for one route, checked where it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .config import EXPECTED_SECONDS, is_seconds
from .errors import FlaskStreamError, SourceError
from .formats import FORMATS, AnyFormat
from .watch import Timing

if TYPE_CHECKING:
    from flask import Flask
    from flask.typing import ResponseReturnValue

    from .result import Result
    from .run import Callback

    NoJs = Callable[[Result], ResponseReturnValue]


class Route(NamedTuple):
    """What a decorator says; None where the request or the configuration does."""

    format: type[AnyFormat] | None
    on_finish: Callback | None
    idle_seconds: float | None
    max_seconds: float | None
    no_js: NoJs | None
    cross_site: bool

    @classmethod
    def checked(
        cls,
        *,
        format: str | None,
        on_finish: Callback | None,
        idle_seconds: float | None,
        max_seconds: float | None,
        no_js: NoJs | None,
        cross_site: bool,
    ) -> Self:
        """The parameters are those of :meth:`FlaskStream.response`.

        :raises ValueError: one of them cannot be used.
        """
        if format is not None and format not in FORMATS:
            raise ValueError(f"format is {format!r}, but it must be one of: {', '.join(FORMATS)}.")
        _check_seconds("idle_seconds", idle_seconds)
        _check_seconds("max_seconds", max_seconds)
        _check_no_js(no_js, format)
        if not isinstance(cross_site, bool):
            raise ValueError(
                f"cross_site is {cross_site!r}, but it must be True or False. Single sites are "
                "named in STREAM_TRUSTED_ORIGINS."
            )
        fixed = FORMATS[format] if format is not None else None
        return cls(fixed, on_finish, idle_seconds, max_seconds, no_js, cross_site)

    def timing(self, config: Mapping[str, Any]) -> Timing:
        """What a run of this route is held to, in an app with this configuration."""
        shutdown = config["STREAM_SHUTDOWN_SECONDS"]
        return Timing(
            idle=self.idle_seconds or config["STREAM_IDLE_SECONDS"],
            max=self.max_seconds or config["STREAM_MAX_SECONDS"],
            shutdown=None if shutdown == "auto" else shutdown,
        )


def _check_seconds(name: str, value: object) -> None:
    if value is not None and not is_seconds(value):
        raise ValueError(f"{name} is {value!r}, but it must be {EXPECTED_SECONDS}.")


def _check_no_js(no_js: object, format: str | None) -> None:
    if no_js is None:
        return
    if not callable(no_js) or inspect.iscoroutinefunction(no_js):
        raise ValueError(
            f"no_js is {no_js!r}, but it must be a function (no async def) that takes the Result "
            'and returns a page: lambda result: render_template("answer.html", result=result).'
        )
    if format is not None:
        raise ValueError(f"no_js would never be called: this route is always {format!r}.")


def check_view(view: Any, apps: Iterable[Flask]) -> None:
    """Refuse a view that a decorator cannot make stream.

    :param apps: those that have the extension so far.
    :raises SourceError: it is no function, or ``async def``.
    :raises FlaskStreamError: it is a route of one of the apps already.
    """
    if not callable(view):
        raise SourceError(
            f"@stream.response was given {view!r}, which is no view function. Write "
            "@stream.response, or @stream.response(format=…) with keywords."
        )
    if inspect.iscoroutinefunction(view) or inspect.isasyncgenfunction(view):
        raise SourceError(
            f"The view {_name_of(view)} is async def. Flask-Stream runs in sync views: make it a "
            "plain def, and call the sync client (Anthropic, OpenAI)."
        )
    for app in apps:
        if view in app.view_functions.values():
            raise wrong_order(view)


def wrong_order(view: Callable[..., Any]) -> FlaskStreamError:
    """The error for a view that is a route without its decorator."""
    return FlaskStreamError(
        f"@stream.response is above the route of {_name_of(view)}, so Flask has the view without "
        "it. Put it below, directly above the def:\n\n"
        '    @app.post("/chat")\n    @stream.response\n    def chat(): …'
    )


def _name_of(view: object) -> str:
    return str(getattr(view, "__qualname__", repr(view)))
