"""What `@stream.response` is given for one route, checked where it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .bridging import result_of
from .config import EXPECTED_LINGER, EXPECTED_SECONDS, is_linger, is_seconds
from .errors import FlaskStreamError, SourceError
from .formats import FORMATS, AnyFormat
from .watch import Timing

if TYPE_CHECKING:
    from flask import Flask
    from flask.typing import ResponseReturnValue

    from .result import Result
    from .run import Callback

    RunKey = str | Callable[..., str]
    NoJs = Callable[[Result], ResponseReturnValue]


class Route(NamedTuple):
    """What a decorator says; None where the request or the configuration does."""

    format: type[AnyFormat] | None
    on_finish: Callback | None
    idle_seconds: float | None
    max_seconds: float | None
    no_js: NoJs | None
    cross_site: bool
    partial: bool = False
    resumable: bool = False
    linger: float | EllipsisType | None = ...
    key: RunKey | None = None

    @classmethod
    def checked(
        cls,
        *,
        format: str | None = None,
        on_finish: Callback | None = None,
        idle_seconds: float | None = None,
        max_seconds: float | None = None,
        no_js: NoJs | None = None,
        cross_site: bool = False,
        partial: bool = False,
        resumable: bool = False,
        linger: float | EllipsisType | None = ...,
        key: RunKey | None = None,
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
        if not isinstance(partial, bool):
            raise ValueError(f"partial is {partial!r}, but it must be True or False.")
        _check_resumable(resumable, linger, key)
        return cls(
            format=FORMATS[format] if format is not None else None,
            on_finish=on_finish,
            idle_seconds=idle_seconds,
            max_seconds=max_seconds,
            no_js=no_js,
            cross_site=cross_site,
            partial=partial,
            resumable=resumable,
            linger=linger,
            key=key,
        )

    def timing(self, config: Mapping[str, Any]) -> Timing:
        """What a run of this route is held to, in an app with this configuration."""
        shutdown = config["STREAM_SHUTDOWN_SECONDS"]
        return Timing(
            idle=self.idle_seconds or config["STREAM_IDLE_SECONDS"],
            max=self.max_seconds or config["STREAM_MAX_SECONDS"],
            shutdown=None if shutdown == "auto" else shutdown,
        )

    def linger_of(self, config: Mapping[str, Any]) -> float | None:
        """How long a run goes on that nobody reads; None: to its end."""
        linger: float | None = config["STREAM_LINGER"] if self.linger is ... else self.linger
        return linger

    def key_of(
        self, view: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> str | None:
        """The app's own name for a run of this view, called with these arguments."""
        if self.key is None:
            return None
        arguments = {**inspect.signature(view).bind(*args, **kwargs).arguments, **kwargs}
        if callable(self.key):
            return self.key(**arguments)
        try:
            return self.key.format(**arguments)
        except (KeyError, IndexError) as error:
            raise FlaskStreamError(
                f"key={self.key!r} names {error}, but the arguments of its route are: "
                f"{', '.join(arguments) or 'none'}."
            ) from error


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


def _check_resumable(resumable: object, linger: object, key: object) -> None:
    if not isinstance(resumable, bool):
        raise ValueError(f"resumable is {resumable!r}, but it must be True or False.")
    if not resumable and (linger is not ... or key is not None):
        name = "key" if linger is ... else "linger"
        raise ValueError(f"{name}= is for runs that outlive their request: add resumable=True.")
    if linger is not ... and not is_linger(linger):
        raise ValueError(f"linger is {linger!r}, but it must be {EXPECTED_LINGER}.")
    if key is not None and not callable(key) and not (isinstance(key, str) and key):
        raise ValueError(
            f'key is {key!r}, but it must be a string, such as "chat:{{id}}" for a route with '
            "<int:id>, or a function that gets the route's arguments and returns one."
        )


def check_view(view: Any, apps: Iterable[Flask]) -> None:
    """Refuse a view that a decorator cannot make stream.

    :param apps: those that have the extension so far.
    :raises SourceError: it is no function.
    :raises FlaskStreamError: it is a route of one of the apps already.
    """
    if not callable(view):
        raise SourceError(
            f"@stream.response was given {view!r}, which is no view function. Write "
            "@stream.response, or @stream.response(format=…) with keywords."
        )
    for app in apps:
        if view in app.view_functions.values():
            raise wrong_order(view)


def in_sync(view: Callable[..., Any]) -> Callable[..., Any]:
    """What calls a view from sync code: an ``async def`` view runs on the event loop meanwhile."""
    if not inspect.iscoroutinefunction(view):  # one that yields gives its generator at once
        return view
    return lambda *args, **kwargs: result_of(view(*args, **kwargs))


def wrong_order(view: Callable[..., Any]) -> FlaskStreamError:
    """The error for a view that is a route without its decorator."""
    return FlaskStreamError(
        f"@stream.response is above the route of {_name_of(view)}, so Flask has the view without "
        "it. Put it below, directly above the def:\n\n"
        '    @app.post("/chat")\n    @stream.response\n    def chat(): …'
    )


def _name_of(view: object) -> str:
    return str(getattr(view, "__qualname__", repr(view)))
