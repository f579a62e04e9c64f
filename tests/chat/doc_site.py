"""The app that was there before it had a chat: users, a database, tokens, Bootstrap, a policy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from anthropic import Anthropic
from flask import Flask, Response, redirect, render_template, request, send_file, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from jinja2 import DictLoader

from flask_stream import Data, FlaskStream, after_this_stream
from tests.browser.client_server import STRICT_CSP
from tests.chat.doc import PYTHON, TEMPLATES
from tests.chat.site import RECORDER
from tests.conftest import ROOT

# The snippets need these, too.
__all__ = [
    "Anthropic",
    "Data",
    "FlaskStream",
    "after_this_stream",
    "current_user",
    "login_required",
    "request",
    "url_for",
]
BOOTSTRAP = ROOT / "js" / "node_modules" / "bootstrap" / "dist" / "css" / "bootstrap.min.css"
MODEL = "claude-sonnet-5-5"
LAYOUT = """<!doctype html>
<html lang=en><meta charset=utf-8><title>Site</title>
<meta name=viewport content="width=device-width, initial-scale=1">
<link rel=stylesheet href="/bootstrap.css"><script src="/recorder.js"></script>
<body><nav class="navbar"><a class="navbar-brand" href="/">Site</a></nav>
<main class=container>{% block main %}{% endblock %}</main>
"""

os.environ["ANTHROPIC_BASE_URL"] = os.environ["PROVIDER"]
os.environ["ANTHROPIC_API_KEY"] = "only a test"

app = Flask(__name__)
app.config.update(
    SECRET_KEY="only a test",
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path(os.environ['ASKED']).with_name('site.sqlite3')}",
)
app.jinja_env.loader = DictLoader({"layout.html": LAYOUT, **TEMPLATES})
CSRFProtect(app)
db = SQLAlchemy(app)
login = LoginManager(app)
login.user_loader(lambda id: User(id))
ratings: dict[str, str] = {}


class User(UserMixin):
    def __init__(self, id: str) -> None:
        self.id = id


@app.after_request
def protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = STRICT_CSP
    return response


@app.get("/sign-in/<name>")
def sign_in(name: str) -> Any:
    login_user(User(name))
    return redirect("/chat")


@app.get("/told-page")
def told_page() -> str:
    return render_template("told.html")


@app.get("/bootstrap.css")
def bootstrap() -> Response:
    return send_file(BOOTSTRAP)


@app.get("/recorder.js")
def recorder() -> Response:
    return Response(RECORDER, mimetype="text/javascript")


@app.get("/hello")
def hello() -> str:
    return "hello"


exec(compile(PYTHON, "docs/chat.md", "exec"))

with app.app_context():
    db.create_all()
    db.engine.dispose()  # before gunicorn forks: a connection is one process's
