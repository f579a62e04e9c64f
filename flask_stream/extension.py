"""`FlaskStream`: configuration, and the decorator that makes a view stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload
from weakref import WeakSet

from flask import (
    Flask,
    Response,
    current_app,
    got_request_exception,
    request,
    request_started,
)
from flask.typing import ResponseReturnValue

from . import config, web
from .caches import keep_refusals_from_caches
from .call import Call, current_call, this_request
from .errors import FlaskStreamError
from .formats import choose
from .prepared import prepared
from .refusals import as_http_error, telling_in_debug_mode
from .response import close_unsent, head_response, respond
from .route import Route, check_view, wrong_order
from .run import Callback
from .sites import refuse_other_sites

if TYPE_CHECKING:
    from .route import NoJs

P = ParamSpec("P")
C = TypeVar("C", bound=Callback)
Streaming = Callable[P, ResponseReturnValue]

_MARK = "flask_stream"  # an attribute of decorated views, which functools.wraps hands on


class _AppState:
    """What one app has of this extension, under ``app.extensions["flask_stream"]``."""

    def __init__(self, extension: FlaskStream, url_prefix: str) -> None:
        self.extension = extension
        self.url_prefix = url_prefix  # where the client's files are
        self.misspelt: set[str] = set()  # settings of which the log was told

    def check_setup(self, app: Flask) -> None:
        """As the app's first request begins: what was set up behind :meth:`FlaskStream.init_app`.

        A receiver of Flask's signal, since that can be taken out again: once all is well, no
        request pays for it.

        :raises FlaskStreamError: a blueprint has registered a view without its decorator.
        :raises ConfigurationError: a value that was set since then cannot be used.
        """
        for view in app.view_functions.values():
            if view in self.extension._views:
                raise wrong_order(view)
        config.check(app.config)
        config.check_kept(app.config, "STREAM_URL_PREFIX", self.url_prefix)
        config.warn_of_misspelt(app.config, self.misspelt)
        request_started.disconnect(self.check_setup)


class FlaskStream:
    """The extension. One object serves any number of apps.

    :param app: the app to serve; or call :meth:`init_app` in a factory.

    Configuration; a wrong value raises :exc:`~flask_stream.ConfigurationError` in
    :meth:`init_app`, or at the app's first request where it is set later:

    ``STREAM_URL_PREFIX`` (``"/_stream"``)
        Where the client's files are served. Set before :meth:`init_app`.
    ``STREAM_HEARTBEAT`` (15)
        Seconds of silence after which a comment is sent, so that no proxy takes the
        connection for dead. Below the shortest idle limit between the app and its readers.
    ``STREAM_IDLE_SECONDS`` (120)
        How long a provider may send no event (its pings are none) before the run is
        ``failed: timeout``; and how long a client may take nothing before it is given up
        (Linux, TCP; behind a unix socket that is the proxy's to do).
    ``STREAM_MAX_SECONDS`` (None)
        How long a run may take from its view's call, before it is ``failed: timeout``.
    ``STREAM_SHUTDOWN_SECONDS`` ("auto")
        How long a run may go on once gunicorn's worker stops taking requests, before it is
        ``failed: shutdown``. "auto": the worker's graceful_timeout less 2 s (half of it where
        it is below 4 s).
    ``STREAM_MAX_CONCURRENT`` ("auto")
        How many runs a process carries at once; one more is refused with 503 before its view
        is called. "auto": under gunicorn's gthread all but a fifth of its threads, elsewhere
        no limit. None: no limit.
    ``STREAM_MAX_EVENT_BYTES`` (8388608)
        How many bytes one server-sent event of a provider's may have, and one line of its
        stream, before the run is ``failed: provider_error``. Where an SDK decodes the stream
        by itself (its helper streams, Bedrock), it holds what it has not decoded yet.
    ``STREAM_MAX_CHARACTERS`` (4000000)
        How many characters a run may bring (its text, reasoning, arguments, results), before
        it is ``failed: too_long``. What came before is kept.
    ``STREAM_TRUSTED_ORIGINS`` (``()``)
        Origins whose pages may ask too, such as ``"https://app.example"``. Those of any other
        site get 403 before the view is called, unless the route has ``cross_site=True``.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._apps: WeakSet[Flask] = WeakSet()
        self._views: list[Callable[..., Any]] = []  # the undecorated ones
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Check the configuration, and add the blueprint and the template tags.

        :raises ConfigurationError: a ``STREAM_…`` value cannot be used.
        :raises FlaskStreamError: this app has the extension already.
        """
        if "flask_stream" in app.extensions:
            raise FlaskStreamError(
                f"The app {app.name!r} has Flask-Stream already. Call init_app() once: either "
                "FlaskStream(app), or stream = FlaskStream() and stream.init_app(app) in the "
                "factory."
            )
        config.check(app.config)
        url_prefix = app.config["STREAM_URL_PREFIX"]
        app.extensions["flask_stream"] = state = _AppState(self, url_prefix)
        config.warn_of_misspelt(app.config, state.misspelt)
        self._apps.add(app)
        web.register(app, url_prefix)
        app.after_request(_after_each_request)  # the last one, where the app has others
        app.wsgi_app = telling_in_debug_mode(app)  # type: ignore[assignment]
        request_started.connect(state.check_setup, app)
        got_request_exception.connect(close_unsent, app)

    @overload
    def response(self, view: Callable[P, Any], /) -> Streaming[P]: ...

    @overload
    def response(
        self,
        view: None = None,
        /,
        *,
        format: str | None = None,
        on_finish: Callback | None = None,
        idle_seconds: float | None = None,
        max_seconds: float | None = None,
        no_js: NoJs | None = None,
        cross_site: bool = False,
    ) -> Callable[[Callable[P, Any]], Streaming[P]]: ...

    def response(
        self,
        view: Callable[..., Any] | None = None,
        /,
        *,
        format: str | None = None,
        on_finish: Callback | None = None,
        idle_seconds: float | None = None,
        max_seconds: float | None = None,
        no_js: NoJs | None = None,
        cross_site: bool = False,
    ) -> Any:
        """Make a view's stream the response. Goes below the route decorator.

        :param format: "native", "json" or "text", whatever the request's Accept says.
        :param on_finish: called with the :class:`~flask_stream.Result` of every run of this
            route, once, before the terminal event leaves, in the request's context.
        :param idle_seconds: this route's own ``STREAM_IDLE_SECONDS``.
        :param max_seconds: this route's own ``STREAM_MAX_SECONDS``.
        :param no_js: makes the page for a form that is sent without JavaScript, in place of the
            escaped text: called with the run's Result once it is complete, after all callbacks,
            in the request's context. It returns whatever a view may; where that says no status,
            a failed run's is that of its error. Of views that call each other, the outermost
            that has one.
        :param cross_site: whether pages of all other sites may ask, for a route that knows by a
            token of its own who does. (It is the browser that sends cookies, whoever asks.)
        :raises SourceError: the view is ``async def``.
        :raises FlaskStreamError: the view is a route already: the decorators are in the wrong
            order.
        :raises ValueError: `format` is unknown, a number of seconds is none, `no_js` cannot be
            called, or `cross_site` is no bool.
        """
        route = Route.checked(
            format=format,
            on_finish=on_finish,
            idle_seconds=idle_seconds,
            max_seconds=max_seconds,
            no_js=no_js,
            cross_site=cross_site,
        )

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            check_view(view, self._apps)
            self._views.append(view)

            @wraps(view)
            def streaming(*args: Any, **kwargs: Any) -> Any:
                return _dispatch(view, args, kwargs, route)

            vars(streaming)[_MARK] = True
            return streaming

        return decorate if view is None else decorate(view)


def _after_each_request(response: Response) -> Response:
    """Keep a streaming route's refusals from caches; those of a login or a limit before it, too."""
    view = current_app.view_functions.get(request.endpoint or "")
    state = this_request()
    if state.called_streaming_view or hasattr(view, _MARK):
        keep_refusals_from_caches(response, is_refused=state.is_refused)
    return response


def _dispatch(
    view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], route: Route
) -> Any:
    if "flask_stream" not in current_app.extensions:
        raise FlaskStreamError(
            f"The app {current_app.name!r} does not have Flask-Stream. Call stream.init_app(app) "
            "in its factory."
        )
    began = time.monotonic()
    with Call(route) as call:
        asked = call.request
        try:
            if not call.cross_site:
                refuse_other_sites(asked, call.app.config["STREAM_TRUSTED_ORIGINS"])
            if "Last-Event-ID" in asked.headers:
                # EventSource reconnects by itself; the prompt must not run twice. 204 ends it.
                call.state.is_refused = True
                return Response(status=204)
            format = choose(asked.headers.get("Accept"), route.format)
            if asked.method == "HEAD":
                return head_response(format)
            call.reserve()
            if route.on_finish is not None:
                call.add(route.on_finish)
            timing = route.timing(call.app.config)
            with prepared(format, call, timing, began) as (run, delivery):
                value = view(*args, **kwargs)
                return respond(value, format, call, run, delivery, timing)
        except Exception as error:
            raised = as_http_error(error, call)
            if raised is error:
                raise
            raise raised from error


def after_this_stream(callback: C) -> C:
    """Call `callback` with the run's :class:`~flask_stream.Result` when this request's run ends.

    For use inside a view, beside Flask's ``after_this_request``. It is called exactly once,
    however the run ends, in the request's context, and before the terminal event leaves: when
    the page sees ``done``, what the callback saved is saved. If it raises, the run ends as
    ``failed``.

    :raises FlaskStreamError: outside a view that has ``@stream.response``.
    """
    call = current_call()
    if call is None:
        raise FlaskStreamError(
            "after_this_stream() works inside a view that has @stream.response below its route."
        )
    call.add(callback)
    return callback
