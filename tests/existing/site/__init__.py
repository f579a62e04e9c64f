"""An app as they are found: a factory, blueprints, and eight extensions. Streaming came last."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from cachelib import FileSystemCache
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import account, chat, mistakes
from .extensions import compress, cors, csrf, db, limiter, login, server_session, stream

PAGE = "https://page.example"  # may ask for streams
READER = "https://reader.example"  # may read what it gets, and gets none


def create_app() -> Flask:
    folder = Path(os.environ["SITE_FOLDER"])
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel("WARNING")
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="for the tests",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'site.sqlite3'}",
        # A pool that runs dry says so after `pool_timeout` seconds, with an error 500.
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": int(os.environ["SITE_POOL"]),
            "max_overflow": 0,
            "pool_timeout": int(os.environ["SITE_POOL_TIMEOUT"]),
        },
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(str(folder / "sessions")),
        # The worst that can be asked of Flask-Compress.
        COMPRESS_MIMETYPES=["application/json", "text/html", "text/plain", "text/event-stream"],
        COMPRESS_MIN_SIZE=0,
        TEARDOWNS=str(folder / "teardowns"),
        STREAM_TRUSTED_ORIGINS=[PAGE],
    )
    db.init_app(app)
    server_session.init_app(app)
    login.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)
    cors.init_app(app, origins=[PAGE, READER], supports_credentials=True)
    compress.init_app(app)
    stream.init_app(app)
    for blueprint in (account.bp, chat.bp, mistakes.bp):
        app.register_blueprint(blueprint)
    app.teardown_request(account.note_teardown)
    outside = mistakes.compressing(app.wsgi_app)
    app.wsgi_app = ProxyFix(outside, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    with app.app_context():
        db.create_all()
    return app
