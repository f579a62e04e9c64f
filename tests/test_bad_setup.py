"""Mistakes in events, in set-up and in the use of the decorator, and what each is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Blueprint, Flask, Response, request_started

from flask_stream import (
    ConfigurationError,
    Data,
    Event,
    FlaskStream,
    FlaskStreamError,
    Source,
    SourceError,
    Text,
    ToolCall,
    ToolCallStart,
    ToolResult,
    Usage,
    after_this_stream,
    relay,
)
from flask_stream.events import RESERVED
from tests.conftest import Site, said
from tests.provider import Provider, told
from tests.test_bad_input import failure, refusal


@pytest.fixture(autouse=True)
def _exceptions_reach_the_test(site: Site) -> None:
    site.app.testing = True


# -- events of the app's own ------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_an_event_name_of_ours_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is one of Flask-Stream's own.*another name"):
        Data(name, 1)


@pytest.mark.parametrize("name", ["error", "open", "message"])
def test_an_event_name_of_eventsources_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'.*EventSource fires itself"):
        Data(name, 1)


@pytest.mark.parametrize("name", ["", "a\nb", "a\rb", "a\0b"])
def test_an_event_name_that_would_break_the_frame_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must not be empty nor hold CR, LF or NUL"):
        Data(name, 1)


def test_an_event_name_that_is_no_str_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a str, not int"):
        Data(1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1, 2}, object(), b"bytes", {(1, 2): 3}]
)
def test_json_that_cannot_be_encoded_is_refused(value: Any) -> None:
    for make in (
        lambda: Data("progress", {"value": value}),
        lambda: ToolResult("id", [value]),
        lambda: ToolCall("id", "name", value),
    ):
        with pytest.raises(TypeError, match=r"json.dumps\(\) says: .*Make it of dict, list, str"):
            make()


def test_json_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TypeError, match="must be something that JSON can carry"):
        Data("progress", value)


def test_an_event_that_cannot_be_made_fails_the_run_and_says_why_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> Iterator[Any]:
        yield "one"
        yield Data("progress", object())

    assert "The data of event 'progress'" in failure(site, caplog, view)


@pytest.mark.parametrize(
    "event",
    [
        Text(7),  # type: ignore[arg-type]
        ToolCallStart(UUID(int=1), "look"),  # type: ignore[arg-type]
        ToolResult(UUID(int=1), "seen"),  # type: ignore[arg-type]
        Source(url=UUID(int=1)),  # type: ignore[arg-type]
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_with_a_field_of_the_wrong_type_ends_the_run_as_failed(
    site: Site, event: Event
) -> None:
    site.view(lambda: ["one", event])
    events = site.events()
    assert events[-1][0] == "failed"
    assert events[-1][1]["code"] == "internal"


@pytest.mark.parametrize("count", ["7", 7.5, True])
def test_usage_that_is_no_whole_number_is_refused(count: Any) -> None:
    with pytest.raises(TypeError, match=r"Usage\.input_tokens must be a whole number, not"):
        Usage(input_tokens=count)


# -- relay and the decorator ------------------------------------------------------------------


@pytest.mark.parametrize("thing", [["one"], "one", None, 7, {"a": 1}])
def test_relay_of_what_is_no_providers_stream_is_refused(site: Site, thing: Any) -> None:
    def view() -> Iterator[Any]:
        yield from relay(thing)

    message = refusal(site, view)
    kind = type(thing).__name__
    assert f"relay() was given {'an' if kind == 'int' else 'a'} {kind}," in message
    assert "client.messages.create(stream=True)" in message


def test_relay_with_a_wire_that_does_not_exist_is_refused(site: Site, provider: Provider) -> None:
    provider.play(told("openai_chat"))

    @site.view
    def view() -> Iterator[Any]:
        with provider.post("openai_chat") as response:
            yield from relay(response, wire="nonsense")

    with pytest.raises(ValueError, match=r"'nonsense'.*anthropic, openai_chat, openai_responses"):
        site.ask()


@pytest.mark.parametrize("junk", [7, "native", None])
def test_the_decorator_with_something_that_is_no_view_is_refused(site: Site, junk: Any) -> None:
    decorate = site.stream.response
    with pytest.raises(SourceError, match="which is no view function"):
        decorate()(junk) if junk is None else decorate(junk)


def test_a_format_that_does_not_exist_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="format is 'xml', but it must be one of: native, json"):
        site.stream.response(format="xml")


def test_the_decorator_above_the_route_is_refused(site: Site) -> None:
    with pytest.raises(FlaskStreamError, match=r"above the route of .*chat") as told:

        @site.stream.response
        @site.app.post("/chat")
        def chat() -> list[str]:
            return []

    assert "directly above the def" in str(told.value)


def test_the_decorator_above_the_route_of_a_blueprint_is_refused(site: Site) -> None:
    blueprint = Blueprint("pages", __name__)

    @site.stream.response
    @blueprint.post("/chat")
    def chat() -> list[str]:
        return []

    site.app.register_blueprint(blueprint)
    for _ in range(2):
        with pytest.raises(FlaskStreamError, match=r"above the route of .*chat"):
            site.app.test_client().post("/chat")


def test_the_decorator_above_the_route_of_an_app_that_comes_later_is_refused() -> None:
    stream, app = FlaskStream(), Flask("factory")
    app.testing = True

    @stream.response
    @app.post("/chat")
    def chat() -> list[str]:
        return []

    stream.init_app(app)
    with pytest.raises(FlaskStreamError, match=r"above the route of .*chat"):
        app.test_client().post("/chat")


def above_its_route(stream: FlaskStream, blueprint: Blueprint) -> None:
    @stream.response
    @blueprint.post("/chat")
    def chat() -> list[str]:
        return []


@pytest.mark.parametrize("path", ["/chat", "/other", "/nowhere", "/_stream/static/v/x.js"])
def test_the_decorator_above_a_route_is_told_whatever_is_asked_for_first(path: str) -> None:
    stream, app, blueprint = FlaskStream(), Flask("factory"), Blueprint("pages", __name__)
    app.testing = True
    app.before_request(lambda: "a login, which would let nothing through")
    stream.init_app(app)
    above_its_route(stream, blueprint)
    app.register_blueprint(blueprint)
    app.add_url_rule("/other", view_func=str, endpoint="other")
    with pytest.raises(FlaskStreamError, match=r"above the route of .*chat"):
        app.test_client().get(path)


def test_the_decorator_above_a_route_comes_to_the_apps_errorhandler(site: Site) -> None:
    blueprint = Blueprint("pages", __name__)
    above_its_route(site.stream, blueprint)
    site.app.register_blueprint(blueprint)
    site.app.testing = False
    got: list[Exception] = []

    @site.app.errorhandler(FlaskStreamError)
    def ours(error: FlaskStreamError) -> tuple[str, int]:
        got.append(error)
        return "ours", 500

    assert site.app.test_client().get("/").data == b"ours"
    assert "above the route of" in str(got[0])


def test_of_several_apps_only_the_one_with_the_view_above_its_route_is_refused() -> None:
    stream, blueprint = FlaskStream(), Blueprint("pages", __name__)
    above_its_route(stream, blueprint)
    apps = {name: Flask(name) for name in ("first", "wrong", "last")}
    for app in apps.values():
        app.testing = True
        app.add_url_rule("/other", view_func=str, endpoint="other")
        stream.init_app(app)
    apps["wrong"].register_blueprint(blueprint)
    for _ in range(2):
        for name in ("first", "last"):
            assert apps[name].test_client().get("/other").status_code == 200
        with pytest.raises(FlaskStreamError, match=r"above the route of .*chat"):
            apps["wrong"].test_client().get("/other")


def test_once_a_request_has_begun_well_nothing_looks_for_decorators_any_more(site: Site) -> None:
    class Views(dict[str, Any]):
        looked_at = 0

        def values(self) -> Any:
            self.looked_at += 1
            return super().values()

    views = site.app.view_functions = Views(site.app.view_functions)
    site.view(lambda: ["one"])
    views.looked_at = 0
    for _ in range(3):
        assert site.events()[-1][0] == "done"
    assert views.looked_at == 1
    assert list(request_started.receivers_for(site.app)) == []
    assert site.app.before_request_funcs == {}


def test_after_this_stream_outside_of_a_streaming_view_is_refused(site: Site) -> None:
    with pytest.raises(FlaskStreamError, match=r"inside a view that has @stream\.response"):
        after_this_stream(print)

    @site.app.get("/plain")
    def plain() -> str:
        after_this_stream(print)
        return "never"

    with pytest.raises(FlaskStreamError, match=r"inside a view that has @stream\.response"):
        site.app.test_client().get("/plain")


# -- set-up -----------------------------------------------------------------------------------


def test_an_app_without_the_extension_is_refused() -> None:
    app, stream = Flask("bare"), FlaskStream()
    app.testing = True
    app.add_url_rule("/", view_func=stream.response(lambda: ["one"]), endpoint="view")
    with pytest.raises(FlaskStreamError, match=r"'bare' does not have.*stream.init_app\(app\)"):
        app.test_client().get("/")


def test_init_app_twice_is_refused(site: Site) -> None:
    with pytest.raises(FlaskStreamError, match=r"'site' has Flask-Stream already.*once"):
        site.stream.init_app(site.app)
    with pytest.raises(FlaskStreamError, match="already"):
        FlaskStream(site.app)


def test_one_object_may_serve_many_apps() -> None:
    stream = FlaskStream()
    view = stream.response(lambda: ["one"])
    for name in ("a", "b"):
        app = Flask(name)
        stream.init_app(app)
        app.add_url_rule("/", view_func=view, endpoint="view")
        assert b"event: done" in app.test_client().get("/").data


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("STREAM_URL_PREFIX", "stream", 'a path like "/_stream"'),
        ("STREAM_URL_PREFIX", "/", "a path"),
        ("STREAM_URL_PREFIX", None, "a path"),
        ("STREAM_HEARTBEAT", 0, "a number of seconds above 0"),
        ("STREAM_HEARTBEAT", "15", "a number of seconds above 0"),
        ("STREAM_HEARTBEAT", True, "a number of seconds above 0"),
        ("STREAM_HEARTBEAT", float("nan"), "a number of seconds above 0"),
        ("STREAM_IDLE_SECONDS", -1, "a number of seconds above 0"),
        ("STREAM_MAX_SECONDS", "none", "or None"),
        ("STREAM_SHUTDOWN_SECONDS", "soon", 'or "auto"'),
        ("STREAM_MAX_CONCURRENT", 1.5, "a whole number above 0"),
        ("STREAM_MAX_CONCURRENT", 0, "a whole number above 0"),
        ("STREAM_MAX_EVENT_BYTES", None, "a whole number above 0"),
        ("STREAM_MAX_EVENT_BYTES", 1e6, "a whole number above 0"),
        ("STREAM_MAX_CHARACTERS", 0, "a whole number above 0"),
        ("STREAM_MAX_CHARACTERS", True, "a whole number above 0"),
        ("STREAM_IDLE_SECONDS", None, "a number of seconds above 0"),
        ("STREAM_MAX_SECONDS", 0, "or None"),
        ("STREAM_SHUTDOWN_SECONDS", [], "a number of seconds above 0"),
    ],
)
def test_a_wrong_setting_fails_at_start_up_by_its_name(
    key: str, value: object, expected: str
) -> None:
    app = Flask("app")
    app.config[key] = value
    with pytest.raises(ConfigurationError) as told:
        FlaskStream(app)
    assert isinstance(told.value, ValueError)
    assert told.value.key == key
    kind = " (a string)" if isinstance(value, str) else ""  # as what os.environ gives is
    assert str(told.value).startswith(f"{key} is {value!r}{kind}, but it must be ")
    assert expected in str(told.value)


def test_an_after_request_function_that_reads_the_body_is_warned_of(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    @site.app.after_request
    def read(response: Response) -> Response:
        response.get_data()
        return response

    site.view(lambda: ["one ", "two"])
    assert said(site.events()) == "one two"
    [warning] = [r for r in caplog.records if r.name == "flask_stream"]
    assert warning.levelno == logging.WARNING
    assert "read the whole body of a streamed response" in warning.getMessage()
    assert "is_streamed" in warning.getMessage()
