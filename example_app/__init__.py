"""The example app of Flask-Stream: a chat, a race, and a page without our client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from . import chat, database, languages, plain, provider, race, readers, security, source
from .extensions import stream


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the app; keys come from `config`, else from the environment as EXAMPLE_*."""
    app = Flask(__name__)
    app.config.from_mapping(DATABASE=str(Path(app.instance_path, "example.sqlite3")))
    app.config.from_prefixed_env("EXAMPLE")
    app.config.from_mapping(config or {})

    # Answers that are being written, beside those that are saved.
    runs = Path(app.config["DATABASE"]).with_name("runs.sqlite3").absolute()
    app.config.setdefault("STREAM_LOG_URL", f"sqlite:///{runs}")

    database.init_app(app)
    provider.init_app(app)
    languages.init_app(app)
    security.init_app(app)
    stream.init_app(app)

    app.register_blueprint(languages.bp)
    app.register_blueprint(readers.bp)
    app.register_blueprint(chat.bp)
    app.register_blueprint(race.bp)
    app.register_blueprint(plain.bp)
    app.register_blueprint(source.bp)
    return app
