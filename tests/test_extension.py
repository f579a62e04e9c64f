"""`FlaskStream`: one object, any number of apps, and a decorator that keeps a view's type."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response

from flask_stream import (
    ConfigurationError,
    FlaskStream,
    FlaskStreamError,
    Result,
    after_this_stream,
)
from flask_stream.config import SETTINGS
from flask_stream.logs.memory import MemoryLog
from flask_stream.sse import decode
from tests.conftest import ROOT, Site
from tests.servers.client import DEADLINE


def words() -> Iterator[str]:
    yield "a"
    yield "b"


def kinds(response: Any) -> list[str]:
    return [event.type for event in decode([response.data])]


def ask(app: Flask, url: str = "/chat") -> list[str]:
    return kinds(app.test_client().get(url))


ANSWER = ["start", "text", "text", "done"]


# -- apps -------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True], ids=["constructor", "init_app"])
def test_the_constructor_takes_the_app_or_leaves_it_to_init_app(later: bool) -> None:
    app = Flask(__name__)
    stream = FlaskStream() if later else FlaskStream(app)
    if later:
        stream.init_app(app)
    app.get("/chat")(stream.response(words))
    assert ask(app) == ANSWER


@pytest.mark.parametrize("same", [True, False], ids=["the same object", "another object"])
def test_a_second_init_app_raises_with_advice_and_changes_nothing(same: bool) -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)
    with pytest.raises(FlaskStreamError, match=r"already.*init_app\(\) once"):
        (stream if same else FlaskStream()).init_app(app)
    app.get("/chat")(stream.response(words))
    assert ask(app) == ANSWER


def test_one_object_serves_two_apps_with_settings_of_their_own() -> None:
    stream = FlaskStream()
    urls = []
    for name in ("one", "two"):
        app = Flask(name)
        app.config["STREAM_URL_PREFIX"] = f"/_{name}"
        stream.init_app(app)
        app.get("/chat", endpoint="chat")(stream.response(words))
        assert ask(app) == ANSWER
        with app.test_request_context():
            urls.append(app.jinja_env.globals["stream_url"]())  # type: ignore[operator]
    assert [url.split("/")[1] for url in urls] == ["_one", "_two"]


def test_an_app_factory_may_be_called_twice() -> None:
    """As tests do; the extension, a blueprint and its views are a module's, and made once."""
    stream = FlaskStream()
    pages = Blueprint("pages", __name__)

    @pages.get("/chat")
    @stream.response
    def chat() -> Iterator[str]:
        return words()

    def create_app() -> Flask:
        app = Flask(__name__)
        stream.init_app(app)
        app.register_blueprint(pages)
        return app

    first, second = create_app(), create_app()
    assert ask(first) == ask(second) == ask(first) == ANSWER


def test_the_extension_keeps_no_app_alive() -> None:
    import gc
    import weakref

    stream = FlaskStream()
    app = Flask(__name__)
    stream.init_app(app)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_an_app_may_have_a_blueprint_and_an_endpoint_called_stream() -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)
    blueprint = Blueprint("stream", __name__, url_prefix="/mine")
    blueprint.get("/chat")(stream.response(words))
    app.register_blueprint(blueprint)
    app.get("/stream", endpoint="stream")(stream.response(words))
    assert ask(app, "/mine/chat") == ask(app, "/stream") == ANSWER
    with app.test_request_context():
        assert app.url_for("stream") == "/stream"


# -- configuration ----------------------------------------------------------------------


@pytest.mark.parametrize("key", SETTINGS)
@pytest.mark.parametrize("value", [0, -1, True, "", [], float("nan"), float("inf"), "15", object()])
def test_a_value_that_cannot_be_used_fails_at_start_up_by_name(key: str, value: Any) -> None:
    app = Flask(__name__)
    if (key, value) == ("STREAM_TRUSTED_ORIGINS", []):
        value = [""]  # of this one, [] is the default
    if (key, value) == ("STREAM_LINGER", 0) and value is not False:
        value = -0.5  # and of this one, 0 has a meaning
    app.config[key] = value
    with pytest.raises(ConfigurationError, match=f"^{key} is .* must be ") as caught:
        FlaskStream(app)
    assert (caught.value.key, caught.value.value) == (key, value)
    assert "flask_stream" not in app.extensions


def test_a_value_that_is_set_later_fails_at_the_first_request_by_name(site: Site) -> None:
    site.app.testing = True  # Flask lets it through
    site.app.config["STREAM_HEARTBEAT"] = "15"
    with pytest.raises(ConfigurationError, match=r"^STREAM_HEARTBEAT is '15' \(a string\), but it"):
        site.app.test_client().get("/")


def test_a_prefix_that_is_set_later_is_refused_at_the_first_request(site: Site) -> None:
    site.app.testing = True
    site.app.config["STREAM_URL_PREFIX"] = "/elsewhere"
    expected = r"^STREAM_URL_PREFIX is '/elsewhere' .*, but it must be '/_stream', .* Set it before"
    with pytest.raises(ConfigurationError, match=expected):
        site.app.test_client().get("/")


def test_a_value_that_is_set_later_counts(site: Site) -> None:
    site.app.config["STREAM_MAX_CHARACTERS"] = 3
    site.view(words)
    assert kinds(site.app.test_client().get("/")) == ["start", "text", "text", "done"]
    site.app.config["STREAM_MAX_CHARACTERS"] = 1
    assert kinds(site.app.test_client().get("/")) == ["start", "text", "failed"]


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("STREAM_HEARTBEET", "STREAM_HEARTBEAT"),
        ("STREAM_IDLE_SECOND", "STREAM_IDLE_SECONDS"),
        ("STREAM_MAX_CONCURENT", "STREAM_MAX_CONCURRENT"),
        ("STREAM_TITLE", None),  # the app's own
        ("STREAM_IDLE", "STREAM_IDLE_SECONDS"),
        ("STREAM_HEARTBEAT_SECONDS", "STREAM_HEARTBEAT"),
        ("STREAM_MIN_SECONDS", None),
        ("STREAM_TTL_SECONDS", "STREAM_TTL"),
        ("STREAM_FONT", None),
        ("STREAM_HEARTBEAT", None),
    ],
)
def test_a_misspelt_setting_is_told_once(
    caplog: pytest.LogCaptureFixture, key: str, meant: str | None, late: bool
) -> None:
    app = Flask(__name__)
    app.config.update({1: 2} if late else {key: 15, 1: 2})
    FlaskStream(app)
    app.config[key] = 15
    for _ in range(2):
        app.test_client().get("/")
    told = [record.getMessage() for record in caplog.records]
    says = f"Flask-Stream has no setting {key}. If {meant} was meant, it is misspelt, and has no "
    assert told == ([] if meant is None else [f"{says}effect."])


@pytest.mark.parametrize(
    "prefix", ["stream", "/", "//", "/stream/", "/a//b", "/<x>", "/a b", "/a?b", "/a#b", None]
)
def test_a_prefix_that_is_no_path_fails_at_start_up(prefix: Any) -> None:
    app = Flask(__name__)
    app.config["STREAM_URL_PREFIX"] = prefix
    with pytest.raises(ConfigurationError, match="STREAM_URL_PREFIX"):
        FlaskStream(app)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("STREAM_HEARTBEAT", 0.5), ("STREAM_IDLE_SECONDS", 1), ("STREAM_MAX_SECONDS", 600)),
        *(("STREAM_MAX_SECONDS", None), ("STREAM_SHUTDOWN_SECONDS", 3.5)),
        *(("STREAM_SHUTDOWN_SECONDS", "auto"), ("STREAM_MAX_CONCURRENT", 8)),
        *(("STREAM_MAX_CONCURRENT", None), ("STREAM_MAX_CONCURRENT", "auto")),
        *(("STREAM_URL_PREFIX", "/a/b"), ("STREAM_MAX_EVENT_BYTES", 1)),
        ("STREAM_MAX_CHARACTERS", 10**9),
        *(("STREAM_LINGER", 0), ("STREAM_LINGER", None), ("STREAM_LOG_URL", "memory:")),
        *(("STREAM_LOG_URL", "sqlite:///a.db"), ("STREAM_LOG_URL", MemoryLog())),
        ("STREAM_TRUSTED_ORIGINS", ["https://app.example"]),
    ],
)
def test_a_value_of_the_apps_own_is_left_as_it_is(key: str, value: Any) -> None:
    app = Flask(__name__)
    app.config[key] = value
    FlaskStream(app)
    assert app.config[key] == value


def test_the_defaults_are_those_of_the_documentation() -> None:
    app = Flask(__name__)
    FlaskStream(app)
    assert {key: app.config[key] for key in app.config if key.startswith("STREAM_")} == {
        "STREAM_URL_PREFIX": "/_stream",
        "STREAM_HEARTBEAT": 15,
        "STREAM_IDLE_SECONDS": 120,
        "STREAM_MAX_SECONDS": None,
        "STREAM_SHUTDOWN_SECONDS": "auto",
        "STREAM_MAX_CONCURRENT": "auto",
        "STREAM_LOG_URL": None,
        "STREAM_TTL": 3600,
        "STREAM_LINGER": 30,
        "STREAM_LEASE_SECONDS": 10,
        "STREAM_MAX_RUNS": 500,
        "STREAM_MAX_EVENT_BYTES": 8 * 2**20,
        "STREAM_MAX_CHARACTERS": 4_000_000,
        "STREAM_TRUSTED_ORIGINS": (),
        "STREAM_GETTEXT": None,
    }
    assert all(key in (FlaskStream.__doc__ or "") for key in SETTINGS)


# -- the decorator ----------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [None, {}, {"on_finish": print}], ids=str)
def test_the_decorator_works_with_and_without_arguments_and_keeps_the_views_name(
    arguments: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)

    def chat(name: str) -> Iterator[str]:
        """Say something."""
        yield name

    view = stream.response(chat) if arguments is None else stream.response(**arguments)(chat)
    assert (view.__name__, view.__doc__) == ("chat", "Say something.")
    app.get("/chat/<name>")(view)
    assert ask(app, "/chat/ada") == ["start", "text", "done"]
    assert ("Result" in capsys.readouterr().out) == bool(arguments)


def test_one_view_may_be_the_view_of_two_routes() -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)

    @app.get("/one")
    @app.get("/two")
    @stream.response
    def chat() -> Iterator[str]:
        return words()

    assert ask(app, "/one") == ask(app, "/two") == ANSWER


def test_each_route_has_its_own_format_and_callbacks() -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)
    finished: list[Result] = []
    app.get("/plain", endpoint="plain")(stream.response(format="text")(words))
    app.get("/json", endpoint="json")(
        stream.response(format="json", on_finish=finished.append)(words)
    )
    client = app.test_client()
    assert client.get("/plain").text == "ab"
    assert finished == []
    assert client.get("/json").get_json()["text"] == "ab"
    assert [result.text for result in finished] == ["ab"]


def test_decorators_between_the_route_and_ours_see_the_response() -> None:
    """As a login_required or a rate limiter, which returns an answer of its own instead."""
    app = Flask(__name__)
    stream = FlaskStream(app)
    seen: list[Any] = []

    def outer(view: Any) -> Any:
        def wrapped() -> Any:
            seen.append(view())
            return seen[-1]

        return wrapped

    app.get("/chat", endpoint="chat")(outer(stream.response(words)))
    assert ask(app) == ANSWER
    assert isinstance(seen[0], Response)


def test_two_runs_of_one_app_at_once_keep_their_callbacks_apart() -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)
    finished: list[tuple[str, str]] = []

    @app.get("/chat/<name>")
    @stream.response
    def chat(name: str) -> Iterator[str]:
        after_this_stream(lambda result: finished.append((name, result.text)))
        yield name

    first, second = (app.test_client().get(f"/chat/{name}", buffered=False) for name in "ab")
    assert kinds(second)[-1] == kinds(first)[-1] == "done"
    assert finished == [("b", "b"), ("a", "a")]


def test_every_run_has_an_id_of_its_own_that_cannot_be_guessed() -> None:
    app = Flask(__name__)
    app.get("/chat")(FlaskStream(app).response(words))
    bodies = [app.test_client().get("/chat").data for _ in range(20)]
    ids = {next(decode([body])).last_event_id for body in bodies}
    assert len(ids) == 20
    assert all(len(id) == 32 and int(id, 16) for id in ids)


# -- types ------------------------------------------------------------------------------

SNIPPET = """
from collections.abc import Iterator
from flask import Flask
from flask_stream import FlaskStream, Result, after_this_stream

app = Flask(__name__)
stream = FlaskStream(app)

def save(result: Result) -> None: ...

@app.post("/chat/<name>")
@stream.response
def chat(name: str, times: int = 1) -> Iterator[str]:
    after_this_stream(save)
    yield name * times

@app.post("/other")
@stream.response(format="json", on_finish=save)
def other(*, loud: bool) -> list[str]:
    return ["a"]

reveal_type(chat)
reveal_type(other)
chat("ada", times=2)
other(loud=True)
chat(3)
other("ada")
stream.response(on_finish=3)
"""


@pytest.mark.slow
def test_a_type_checker_keeps_the_views_parameters(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    cache = f"--cache-dir={tmp_path / 'cache'}"
    done = subprocess.run(
        [*command, cache, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10 * DEADLINE,
    )
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    revealed = [line for line in lines if "Revealed type" in line]
    assert "(name: str, times: int =)" in revealed[0].replace("builtins.", "")
    assert "(*, loud: bool)" in revealed[1].replace("builtins.", "")
    numbered = SNIPPET.splitlines()
    wrong = {numbered.index(line) + 1 for line in numbered[-3:]}
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line}
    assert found == wrong, done.stdout
