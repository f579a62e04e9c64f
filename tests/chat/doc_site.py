"""The app that was there before it had a chat: users, a database, tokens, Bootstrap, a policy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask, Response, redirect, render_template, request, send_file
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from jinja2 import DictLoader

from tests.browser.client_server import STRICT_CSP
from tests.chat.doc import PYTHON, TEMPLATES
from tests.chat.site import RECORDER
from tests.conftest import ROOT

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


@app.get("/page/<name>")
def page(name: str) -> str:
    """A page with one of the smaller snippets."""
    return render_template(f"{name}.html", turns=namespace["said"]())


@app.post("/files")
def files() -> str:
    return str([file.filename for file in request.files.getlist("files")])


@app.get("/turns")
def turns() -> list[list[Any]]:
    """What is saved of the reader, to the last row."""
    turn = namespace["Turn"]
    rows = turn.query.filter(turn.user == namespace["me"]()).order_by(turn.number)
    return [[row.number, row.role, row.text] for row in rows]


@app.get("/bootstrap.css")
def bootstrap() -> Response:
    return send_file(BOOTSTRAP)


@app.get("/recorder.js")
def recorder() -> Response:
    return Response(RECORDER, mimetype="text/javascript")


@app.get("/hello")
def hello() -> str:
    return "hello"


# The imports of the page's own are in its snippets.
namespace: dict[str, Any] = {
    "__name__": __name__,
    "app": app,
    "db": db,
    "MODEL": MODEL,
    "ratings": ratings,
}
exec(compile(PYTHON, "docs/chat.md", "exec"), namespace)

with app.app_context():
    db.create_all()
    db.engine.dispose()  # before gunicorn forks: a connection is one process's
