"""`FlaskStream`: configuration, and the decorator that makes a view stream."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload
from weakref import WeakSet

from flask import Flask, got_request_exception, request_started
from flask.typing import ResponseReturnValue

from . import chat, config, web
from .app_state import AppState, owned_runs
from .attempts import current_attempt, current_submission
from .carried import carrying
from .channel import channel
from .dispatch import MARK, active, after_each_request, answered, followed, followed_by_key
from .errors import FlaskStreamError
from .owned import LiveRun
from .owners import Owner, check_owner
from .publishing import publish
from .refusals import telling_in_debug_mode
from .response import close_unsent
from .route import Route, check_view
from .run import Callback
from .sources import source

if TYPE_CHECKING:
    from types import EllipsisType

    from flask import Response

    from .result import Result
    from .route import NoJs, RunKey

P = ParamSpec("P")
OwnerFunction = TypeVar("OwnerFunction", bound=Owner)
Streaming = Callable[P, ResponseReturnValue]


class FlaskStream:
    """The extension. One object serves any number of apps.

    :param app: the app to serve; or call :meth:`init_app` in a factory.

    Configuration; a wrong value raises :exc:`~flask_stream.ConfigurationError` in
    :meth:`init_app`, or at the app's first request where it is set later:

    ``STREAM_URL_PREFIX`` (``"/_stream"``)
        Where the client's files are served, and runs are followed and stopped. Set before
        :meth:`init_app`.
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
        How many responses a process streams at once; one more is refused with 503 before its
        view is called. "auto": under gunicorn's gthread all but a fifth of its threads, elsewhere
        no limit. None: no limit.
    ``STREAM_LOG_URL`` (None)
        Where runs of resumable routes are kept. None: SQLite's file ``flask-stream.sqlite3`` in the
        app's instance folder, which all processes of one machine share. ``"sqlite:///PATH"``;
        ``"redis://HOST:PORT/NUMBER"``, for many machines; ``"memory:"``, for tests.
    ``STREAM_TTL`` (3600)
        Seconds for which a run that has ended is kept.
    ``STREAM_LINGER`` (30)
        How long a run goes on that nobody reads, before it is ended. None: to its end.
    ``STREAM_LEASE_SECONDS`` (10)
        Within which readers are told that a run's worker has died: ``failed: interrupted``.
    ``STREAM_MAX_RUNS`` (500)
        How many such runs a process produces at once for its requests; one more is refused
        with 503. (What :meth:`publish` writes is not counted.)
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
    ``STREAM_GETTEXT`` (None)
        A function that takes an English text and returns it in the reader's language, such as
        Flask-Babel's ``gettext``: all that Flask-Stream itself says to a reader goes through it, in
        his request. The texts are in ``docs/languages.md``. None: English.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._apps: WeakSet[Flask] = WeakSet()
        self._views: list[Callable[..., Any]] = []  # the undecorated ones
        self._owner: Owner | None = None
        self._has_resumable = False
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Check the configuration, and add the blueprint, the template tags and the commands.

        :raises ConfigurationError: a ``STREAM_…`` value cannot be used.
        :raises FlaskStreamError: this app has the extension already.
        """
        from . import cli  # which nothing but an app needs

        if "flask_stream" in app.extensions:
            raise FlaskStreamError(
                f"The app {app.name!r} has Flask-Stream already. Call init_app() once: either "
                "FlaskStream(app), or stream = FlaskStream() and stream.init_app(app) in the "
                "factory."
            )
        config.check(app.config)
        url_prefix = app.config["STREAM_URL_PREFIX"]
        app.extensions["flask_stream"] = state = AppState(self, url_prefix)
        config.warn_of_misspelt(app.config, state.misspelt)
        self._apps.add(app)
        web.register(app, url_prefix)
        chat.register(app)
        cli.register(app)
        app.after_request(after_each_request)  # the last one, where the app has others
        app.wsgi_app = carrying(app, lambda: self._has_resumable)  # type: ignore[assignment]
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
        partial: bool = False,
        resumable: bool = False,
        linger: float | EllipsisType | None = ...,
        key: RunKey | None = None,
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
        partial: bool = False,
        resumable: bool = False,
        linger: float | EllipsisType | None = ...,
        key: RunKey | None = None,
    ) -> Any:
        """Make a view's stream the response. Goes below the route decorator.

        :param format: "native", "json" or "text", whatever the request's Accept says.
        :param on_finish: called with the :class:`~flask_stream.Result` of every run of this
            route, once, before the terminal event leaves, in the request's context; of a
            resumable one in an app context of its own.
        :param idle_seconds: this route's own ``STREAM_IDLE_SECONDS``.
        :param max_seconds: this route's own ``STREAM_MAX_SECONDS``.
        :param no_js: makes the page for a form that is sent without JavaScript, in place of the
            escaped text: called with the run's Result once it is complete, after all callbacks,
            in the request's context. It returns whatever a view may; where that says no status,
            a failed run's is that of its error. Of views that call each other, the outermost
            that has one.
        :param cross_site: whether pages of all other sites may ask, for a route that knows by a
            token of its own who does. (It is the browser that sends cookies, whoever asks.)
        :param partial: whether `tool_call_delta` has what is whole of a call's arguments by now, as
            parsed JSON, for forms that fill themselves in.
        :param resumable: whether its runs outlive their request: a reader who reloads, comes back,
            or opens a second tab goes on with the answer. Callbacks run in an app context of their
            own then.
        :param linger: seconds that such a run goes on which nobody reads, in the place of
            ``STREAM_LINGER``; None: to its end.
        :param key: the app's own name for such a run, by which :meth:`active` finds it: a string
            with the route's arguments in braces (``"chat:{id}"``), or a function that gets them.
        :raises SourceError: the view is no function.
        :raises FlaskStreamError: the view is a route already: the decorators are in the wrong
            order.
        :raises ValueError: `format` is unknown, a number of seconds is none, `no_js` cannot be
            called, `cross_site`, `partial` or `resumable` is no bool, or `linger` or `key` cannot
            be used, or is there without `resumable`.
        """
        route = Route.checked(
            format=format,
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

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            check_view(view, self._apps)
            self._views.append(view)

            @wraps(view)
            def streaming(*args: Any, **kwargs: Any) -> Any:
                return answered(view, args, kwargs, route)

            vars(streaming)[MARK] = route
            self._has_resumable = self._has_resumable or route.resumable
            return streaming

        return decorate if view is None else decorate(view)

    def owner(self, callback: OwnerFunction) -> OwnerFunction:
        """Say whose a request's run is: only its owner can follow it, and stop it.

        ``@stream.owner`` above a function that takes nothing, and returns what names the reader
        (the user's id: a str, an int or a UUID), or None: then the run is the session's, as it is
        without this.

        :raises FlaskStreamError: there is one already.
        :raises SourceError: it is no function, or ``async def``.
        """
        check_owner(callback)
        if self._owner is not None:
            raise FlaskStreamError(
                f"@stream.owner is on {self._owner!r} already. One function says whose runs are."
            )
        self._owner = callback
        return callback

    source = staticmethod(source)
    channel = staticmethod(channel)

    def current_owner(self) -> str:
        """Whose a run is that this request begins; for a task that publishes one for its reader.

        :raises FlaskStreamError: the app has neither sessions nor ``@stream.owner``.
        """
        return owned_runs().owner()

    @property
    def submission(self) -> str:
        """The id of the question that the current request asks, whichever attempt it is.

        The page says it (``Flask-Stream-Submission``), so it is the reader's word: look it up only
        among what is his own. Of a request that says none it is the ``Idempotency-Key``, or else a
        new random id.

        :raises FlaskStreamError: outside of a request.
        :raises StreamFailed: what the request says is none: 400. Of a streaming route, it is
            refused before its view is called.
        """
        return current_submission()

    @property
    def attempt(self) -> int:
        """1 for the first request of a question; more for Retry, another answer, or other words.

        Only compare it with 1: a page that is loaded anew counts on from 2. What was saved of the
        question before may never have arrived; look for it by :attr:`submission`.

        :raises FlaskStreamError, StreamFailed: as of :attr:`submission`.
        """
        return current_attempt()

    @overload
    def follow(self, run_id: str) -> Response: ...

    @overload
    def follow(self, *, key: str, wait: float = 0) -> Response: ...

    def follow(
        self, run_id: str | None = None, *, key: str | None = None, wait: float = 0
    ) -> Response:
        """The response that follows a run of the reader's; for views of the app's own.

        It goes on behind ``Last-Event-ID``, or else behind ``?after=``, and begins with the run's
        beginning where the request has neither. A run that has ended, and has been read to its end:
        204.

        :param key: in the place of its id: the reader's newest run with this key, ended or not. So
            it must name one answer, where :meth:`active` looks for one that is being written.
        :param wait: for a run that a task is to begin: seconds for which that is waited for. The
            request's thread does, so a few are enough: the client asks again.
        :raises StreamFailed: there is none, none any more, or it is somebody else's: 404. None yet,
            where one was waited for: 503, retryable.
        :raises ValueError: `wait` is no number of seconds.
        :raises TypeError: neither an id nor a key is given, or both.
        """
        if wait != 0 and not config.is_seconds(wait):
            raise ValueError(f"wait is {wait!r}, but it must be a number of seconds, or 0.")
        if run_id is not None and key is None:
            return followed(run_id)
        if key is not None and run_id is None:
            return followed_by_key(key, wait)
        raise TypeError("follow() takes the id of a run, or key=.")

    def active(self, key: str) -> LiveRun | None:
        """The reader's newest run with this key, while it is being written; else None.

        The page that asks for it is ``no-store``, unless it says otherwise itself.

        :param key: as `key` of :meth:`response` or :meth:`publish` has it.
        """
        return active(key)

    def publish(
        self,
        source: Any,
        *,
        owner: str,
        key: str | None = None,
        on_finish: Callback | None = None,
    ) -> Result:
        """Write a run that the web app's readers follow: in a task, a command, another process.

        It reads `source` in this thread, to its end, or until somebody stops the run. Needs an app
        context, and the web app's ``STREAM_LOG_URL``.

        :param source: what a view may return.
        :param owner: what ``@stream.owner`` says of the reader, or :meth:`current_owner` said.
        :param key: by which :meth:`active` finds the run.
        :param on_finish: called with the run's Result before its terminal event is told.
        :returns: what it came to; `outcome` says how it ended.
        :raises SourceError: `source` is no stream.
        :raises StreamFailed: the owner has too many runs under way.
        :raises RunError: the log cannot be used.
        """
        return publish(source, owner=owner, key=key, on_finish=on_finish)
