"""What one app has of the extension, under ``app.extensions["flask_stream"]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, current_app, request, request_started

from . import config
from .detached.keeper import Keeper
from .errors import FlaskStreamError
from .logs import open_log
from .logs.memory import MemoryLog
from .owned import OwnedRuns
from .owners import check_secret
from .process import of_this_process
from .route import wrong_order
from .told import logger

if TYPE_CHECKING:
    from .extension import FlaskStream

# Runs of one owner that are under way: more than tabs, and no more than a log can bear.
_MOST_OF_OWNER = 100


class AppState:
    """The extension's part of one app."""

    def __init__(self, extension: FlaskStream, url_prefix: str) -> None:
        self.extension = extension
        self.url_prefix = url_prefix  # where the client's files are
        self.misspelt: set[str] = set()  # settings of which the log was told
        self._keepers: dict[int, Keeper] = {}  # by process

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
        if self.extension._has_resumable:
            check_secret(self.extension._owner, app.secret_key)
        config.check_kept(app.config, "STREAM_URL_PREFIX", self.url_prefix)
        config.warn_of_misspelt(app.config, self.misspelt)
        request_started.disconnect(self.check_setup)

    def keeper(self, app: Flask) -> Keeper:
        """This process's keeper of the app's runs."""
        return of_this_process(self._keepers, lambda: _keeper(app))


def _keeper(app: Flask) -> Keeper:
    """:raises ConfigurationError: a value that was set since `init_app` cannot be used."""
    config.check(app.config)  # in a task or a command, there was no first request
    log = open_log(app.config["STREAM_LOG_URL"], Path(app.instance_path))
    if isinstance(log, MemoryLog) and request and request.environ.get("wsgi.multiprocess"):
        logger.warning(
            'STREAM_LOG_URL is "memory:", and this server has several workers: none of them knows '
            "the runs of another one, so that a reader who goes on elsewhere gets 404."
        )
    return Keeper(
        log,
        lease=app.config["STREAM_LEASE_SECONDS"],
        ttl=app.config["STREAM_TTL"],
        most=_MOST_OF_OWNER,
    )


def this_app() -> AppState:
    """The current app's.

    :raises FlaskStreamError: it does not have the extension.
    """
    state: AppState | None = current_app.extensions.get("flask_stream")
    if state is None:
        raise FlaskStreamError(
            f"The app {current_app.name!r} does not have Flask-Stream. Call stream.init_app(app) "
            "in its factory."
        )
    return state


def owned_runs() -> OwnedRuns:
    """The current app's."""
    state, app = this_app(), current_app._get_current_object()  # type: ignore[attr-defined]
    return OwnedRuns(state.keeper(app), state.extension._owner)
