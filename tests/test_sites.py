"""A request of another site's page is refused before it costs anything; what tells whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import pytest
from flask import Flask, Response, abort, redirect, request
from flask_cors import CORS
from werkzeug.exceptions import Forbidden
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_stream import ConfigurationError, FlaskStream, ProviderError, StreamFailed, advice
from tests.conftest import Site, events_of, said
from tests.test_formats import CHROME, HTML, JSON, NATIVE, PLAIN, VARY

STRANGER = "https://stranger.example"
CROSS = {"Sec-Fetch-Site": "cross-site"}

Calls = list[str]


@pytest.fixture
def calls() -> Calls:
    """One entry for each time that a view was called."""
    return []


@pytest.fixture
def view(calls: Calls) -> Callable[[], Any]:
    def view() -> list[str]:
        calls.append("called")
        return ["one"]

    return view


def ask(
    site: Site, headers: Mapping[str, str], method: str = "POST", host: str = "app.example"
) -> int:
    """The status of what a page gets."""
    with site.ask(method, headers=headers, base_url=f"http://{host}") as response:
        return response.status_code


# -- where the browser says whose page it is --------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize(
    ("told", "status"),
    [
        *(("same-origin", 200), ("same-site", 200), ("none", 200), ("cross-site", 403)),
        # No browser writes it like that, and no page can: it may as well be understood.
        *((" Cross-Site ", 403), ("SAME-ORIGIN", 200)),
        # What the standard does not have is ignored, and nothing else tells.
        *(("", 200), ("elsewhere", 200), ("same-origin, elsewhere", 200)),
        # Twice, as a proxy may send it.
        *(("cross-site,cross-site", 403), ("same-origin,cross-site", 403)),
        *(("cross-site, same-origin", 403), ("none , Cross-Site", 403), ("none,none", 200)),
    ],
)
def test_sec_fetch_site_tells_whose_page_asks(
    site: Site, view: Any, calls: Calls, method: str, told: str, status: int
) -> None:
    site.view(view)
    assert ask(site, {"Sec-Fetch-Site": told}, method) == status
    assert bool(calls) == (status == 200 and method != "HEAD")


@pytest.mark.parametrize("told", ["same-origin", "same-site", "none"])
def test_a_page_of_the_apps_own_site_may_have_any_origin(site: Site, view: Any, told: str) -> None:
    site.view(view)
    for origin in (STRANGER, "null"):  # null: under `Referrer-Policy: no-referrer`, a form's
        assert ask(site, {"Sec-Fetch-Site": told, "Origin": origin}) == 200


@pytest.mark.parametrize("told", ["cross-site", "elsewhere", None])
def test_a_strangers_origin_is_refused_whatever_else_is_said(
    site: Site, view: Any, calls: Calls, told: str | None
) -> None:
    site.view(view)
    headers = {"Origin": STRANGER, **({"Sec-Fetch-Site": told} if told else {})}
    assert [ask(site, headers, method) for method in ("GET", "POST", "HEAD")] == [403] * 3
    assert calls == []


def test_cross_site_is_believed_though_the_origin_looks_like_the_apps_own(
    site: Site, view: Any, calls: Calls
) -> None:
    site.view(view)
    assert ask(site, {**CROSS, "Origin": "http://app.example"}) == 403
    assert calls == []


# -- where it does not say: over plain http ---------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://app.example", "app.example", 200),
        ("http://app.example", "APP.example", 200),
        ("http://APP.example", "app.example", 200),
        # A proxy that ends TLS, and one that drops the port, leave the host as it was.
        ("https://app.example", "app.example", 200),
        ("http://app.example:8080", "app.example", 200),
        ("http://app.example", "app.example:8080", 200),
        ("http://app.example", "app.example:80", 200),
        ("http://127.0.0.1:5000", "127.0.0.1:5000", 200),
        ("http://[::1]:5000", "[::1]:5000", 200),
        ("http://[2001:DB8::1]", "[2001:db8::1]:80", 200),
        ("http://xn--bcher-kva.example", "xn--bcher-kva.example", 200),
        # What Werkzeug takes for no host, and browsers for one.
        ("http://my_app:8000", "my_app:8000", 200),
        ("http://my_app", "My_App", 200),
        ("http://a~b$c.example", "a~b$c.example:8000", 200),
        ("http://other_app:8000", "my_app:8000", 403),
        # nginx's $host has no dot at its end.
        ("http://app.example.", "app.example", 200),
        ("http://app.example", "app.example.", 200),
        ("http://app.example.:8000", "app.example.", 200),
        ("http://app.example..", "app.example", 403),
        ("http://.", "app.example", 403),
        # Others.
        ("http://stranger.example", "app.example", 403),
        ("http://app.example.stranger.example", "app.example", 403),
        ("http://www.app.example", "app.example", 403),  # no header tells that it is no stranger
        ("http://example", "app.example", 403),
        ("http://[::2]:5000", "[::1]:5000", 403),
        ("http://app.example@stranger.example", "app.example", 403),
        ("http://stranger.example#@app.example", "app.example", 403),
        ("http://stranger.example\\@app.example", "app.example", 403),
        ("http://stranger.example/app.example", "app.example", 403),
        ("http://app.example http://stranger.example", "app.example", 403),
        ("http://app.example, http://stranger.example", "app.example", 403),
        ("http://app.example:99999", "app.example", 403),
        ("http://[::1", "[::1]", 403),
        # Of nobody: a sandboxed frame, a file, a page that was redirected here.
        ("null", "app.example", 403),
        ("null", "null", 403),
        ("file://", "app.example", 403),
        ("app.example", "app.example", 403),
        ("://app.example", "app.example", 403),
        ("x" * 8000, "app.example", 403),
    ],
)
def test_the_origins_host_must_be_the_requests(
    site: Site, view: Any, calls: Calls, method: str, origin: str, host: str, status: int
) -> None:
    site.view(view)
    assert ask(site, {"Origin": origin}, method, host) == status
    assert bool(calls) == (status == 200)


@pytest.mark.parametrize("headers", [{}, {"Origin": ""}, {"Referer": f"{STRANGER}/page"}])
def test_a_request_that_says_nothing_of_a_page_is_let_through(
    site: Site, view: Any, headers: dict[str, str]
) -> None:
    """As programs ask, and browsers by GET over plain http for what no script can read."""
    site.view(view)
    assert [ask(site, headers, method) for method in ("GET", "POST")] == [200, 200]


def test_the_host_is_the_one_that_proxy_fix_has_found(site: Site, view: Any) -> None:
    site.view(view)
    forwarded = {"X-Forwarded-Host": "chat.example", "X-Forwarded-Proto": "https"}
    own = {**forwarded, "Origin": "https://chat.example"}
    assert ask(site, own, host="127.0.0.1:8000") == 403  # anybody can say so, without ProxyFix
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app, x_host=1, x_proto=1)  # type: ignore[method-assign]
    assert ask(site, own, host="127.0.0.1:8000") == 200
    assert ask(site, {**forwarded, "Origin": STRANGER}, host="127.0.0.1:8000") == 403
    inner = {**forwarded, "Origin": "http://127.0.0.1:8000"}
    assert ask(site, inner, host="127.0.0.1:8000") == 403


def test_the_host_that_proxy_fix_has_found_may_have_any_name(site: Site, view: Any) -> None:
    site.view(view)
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    headers = {"X-Forwarded-Host": "My_App.", "Origin": "http://my_app:8000"}
    assert ask(site, headers, host="127.0.0.1:8000") == 200


def test_a_request_without_a_host_has_no_page_of_its_own(site: Site, view: Any) -> None:
    site.view(view)
    environ = {"HTTP_HOST": "no host?", "HTTP_ORIGIN": "http://app.example"}
    assert site.ask(environ_overrides=environ).status_code == 403


# -- who may all the same ---------------------------------------------------------------------


TRUSTED = ["https://page.example", "https://port.example:8443", "capacitor://localhost"]


@pytest.mark.parametrize("said", [{}, CROSS])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        *((origin, 200) for origin in TRUSTED),
        *(("https://PAGE.example", 200), ("https://page.example:443", 200)),
        # Here the scheme and the port count.
        *(("http://page.example", 403), ("https://page.example:8443", 403)),
        *(("https://port.example", 403), ("https://sub.page.example", 403)),
        *(("https://page.example.stranger.example", 403), ("null", 403)),
    ],
)
def test_a_trusted_origin_may_ask(
    site: Site, view: Any, said: dict[str, str], origin: str, status: int
) -> None:
    site.app.config["STREAM_TRUSTED_ORIGINS"] = TRUSTED
    site.view(view)
    assert [ask(site, {**said, "Origin": origin}, m) for m in ("GET", "POST")] == [status] * 2


def test_of_a_trusted_site_what_sends_no_origin_cannot_be_told_from_a_strangers(
    site: Site, view: Any, calls: Calls
) -> None:
    """An image or a link, even one there."""
    site.app.config["STREAM_TRUSTED_ORIGINS"] = TRUSTED
    site.view(view)
    assert ask(site, {**CROSS, "Referer": "https://page.example/"}, "GET") == 403
    assert calls == []


@pytest.mark.parametrize("headers", [CROSS, {"Origin": STRANGER}, {"Origin": "null"}])
def test_a_route_may_be_open_to_all_sites(
    site: Site, view: Any, calls: Calls, headers: dict[str, str]
) -> None:
    site.view(view, cross_site=True)
    assert [ask(site, headers, method) for method in ("GET", "POST")] == [200, 200]
    assert len(calls) == 2


@pytest.mark.parametrize("value", ["https://page.example", 1, None, ["https://page.example"]])
def test_cross_site_that_is_no_bool_is_refused(site: Site, value: Any) -> None:
    with pytest.raises(ValueError, match=r"cross_site is .*True or False.*STREAM_TRUSTED_ORIGINS"):
        site.view(lambda: ["one"], cross_site=value)


@pytest.mark.parametrize(
    "value",
    [
        "https://page.example",
        None,
        {"https://page.example": True},
        *([origin] for origin in ("*", "", "null", "page.example", "//page.example", "https://")),
        ["https://page.example", "https://page.example/"],
        ["https://page.example/path"],
        ["https://page.example?"],
        ["https://*.page.example"],
        ["https://."],
        ["https://user@page.example"],
        ["https://page.example:port"],
        ["https://page.example:65536"],
        ["https://page.example:"],
        ["https://page.example "],
        ["https://page.example\n"],
        ["https://bücher.example"],  # a browser says xn--bcher-kva.example
        ["file:///"],
        [b"https://page.example"],
        [None],
    ],
)
def test_trusted_origins_that_are_none_fail_at_start_up(value: Any) -> None:
    app = Flask(__name__)
    app.config["STREAM_TRUSTED_ORIGINS"] = value
    expected = 'STREAM_TRUSTED_ORIGINS is .* must be a tuple or list of origins.*"https://app.ex'
    with pytest.raises(ConfigurationError, match=expected):
        FlaskStream(app)


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        ("https://müller.example", "xn-- form (Punycode)"),
        ("https://*.example", "no wildcards: name each"),
        ("null", "@stream.response(cross_site=True) on the route"),
    ],
)
def test_who_gives_what_is_nearly_an_origin_is_told_what_to_do(origin: str, advice: str) -> None:
    app = Flask(__name__)
    app.config["STREAM_TRUSTED_ORIGINS"] = [origin]
    with pytest.raises(ConfigurationError) as caught:
        FlaskStream(app)
    assert advice in str(caught.value)


# -- when, and what is said -------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{**CROSS, "Origin": STRANGER}, {"Origin": STRANGER}])
def test_a_refusal_says_what_happened_and_the_two_ways_out(
    site: Site, view: Any, headers: dict[str, str]
) -> None:
    site.view(view)
    response = site.ask(headers=headers)
    assert response.status_code == 403
    message = response.json["message"]
    for words in ("another site", "Flask-CORS", "STREAM_TRUSTED_ORIGINS", "cross_site=True"):
        assert words in message
    assert ("proxy_set_header Host $host" in message) == ("Sec-Fetch-Site" not in headers)
    assert STRANGER not in response.text
    assert (response.json["code"], response.json["retryable"]) == ("cross_site", False)


def test_a_page_that_does_not_say_whose_it_is_is_told_that(site: Site, view: Any) -> None:
    site.view(view)
    message = site.ask(headers={"Origin": "null"}).json["message"]
    assert "Origin: null" in message
    assert "Referrer-Policy" in message
    assert "cross_site=True" in message
    assert "proxy" not in message
    assert "proxy" not in site.ask(headers={**CROSS, "Origin": "null"}).json["message"]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """What the log was told of so far, in a process that has said nothing before."""
    monkeypatch.setattr("flask_stream.advice._said", set())
    monkeypatch.setattr("flask_stream.advice._told", {})
    return lambda: [record.getMessage() for record in caplog.records]


HOSTILE = STRANGER + "\nERROR:flask_stream:forged api_key=s3cret\x1b[2J"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (CROSS, ["Origin: -", "Have it lead to a page of the app"]),
        ({**CROSS, "Origin": STRANGER}, [f"Origin: {STRANGER}", "STREAM_TRUSTED_ORIGINS"]),
        ({"Origin": STRANGER}, [f"Origin: {STRANGER}", "proxy_set_header Host $host"]),
        ({"Origin": "null"}, ["Origin: null", "Referrer-Policy: no-referrer"]),
    ],
)
def test_a_refusal_is_told_in_the_log_once_a_minute(
    site: Site,
    view: Any,
    log: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    words: list[str],
) -> None:
    site.view(view)
    assert [ask(site, headers, host=f"app{n}.example") for n in range(3)] == [403] * 3
    [message] = log()
    assert "Host: app0.example" in message
    assert all(each in message for each in words)
    monkeypatch.setattr(advice, "_MINUTE", 0)
    assert ask(site, headers, host="app3.example") == 403
    assert "(2 more like it since the last such line.)" in log()[-1]
    assert "Host: app3.example" in log()[-1]


def test_a_client_that_means_harm_makes_the_log_no_longer(
    site: Site, view: Any, log: Callable[[], Any]
) -> None:
    site.view(view)
    for n in range(50):
        for more in ({}, CROSS):
            environ = {"HTTP_ORIGIN": f"{HOSTILE}{n}", "HTTP_HOST": f"{n}\x1b[2J" + "x" * 9000}
            with site.ask(headers=more, environ_overrides=environ) as response:
                assert response.status_code == 403
    assert len(log()) == len(advice._told) == 2
    for message in log():
        assert message.isprintable()
        assert "s3cret" not in message
        assert len(message) < 5000


def test_a_browser_that_asks_for_a_page_gets_the_refusal_as_one(site: Site, view: Any) -> None:
    site.view(view)
    response = site.ask(headers={**CROSS, "Accept": CHROME})
    assert (response.status_code, response.mimetype) == (403, HTML)
    assert "STREAM_TRUSTED_ORIGINS" in response.text


def test_an_errorhandler_of_the_app_may_shape_the_refusal(site: Site, view: Any) -> None:
    site.view(view)
    site.app.register_error_handler(Forbidden, lambda _: ("Go away.", 403))
    response = site.ask(headers=CROSS)
    assert (response.status_code, response.text) == (403, "Go away.")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("handled", [403, Forbidden, StreamFailed])
def test_an_errorhandler_may_answer_the_refusal_by_a_stream(
    site: Site, view: Any, calls: Calls, handled: Any
) -> None:
    site.view(view)
    site.app.register_error_handler(handled, site.stream.response(lambda _: ["Go ", "away."]))
    for headers in (CROSS, {"Origin": STRANGER}, {"Origin": "null"}):
        with site.ask(headers=headers) as response:
            assert response.status_code == 200
            assert said(events_of(response.response)) == "Go away."
            assert response.cache_control.no_store
    assert calls == []


def test_another_sites_page_is_refused_before_anything_else_is_looked_at(
    site: Site, view: Any, calls: Calls
) -> None:
    site.app.config["STREAM_MAX_CONCURRENT"] = 1
    site.view(view, on_finish=lambda result: calls.append(result.outcome))
    for more in ({}, {"Last-Event-ID": "x"}, {"Accept": "image/png"}):
        assert ask(site, {**CROSS, **more}) == 403
    assert calls == []
    with site.ask():  # has the only place
        assert ask(site, CROSS) == 403
        assert ask(site, {}) == 503


def test_a_page_for_a_form_is_not_made_for_another_site(
    site: Site, view: Any, calls: Calls
) -> None:
    site.view(view, no_js=lambda result: calls.append("page") or "page")
    form = {"Accept": CHROME, "Content-Type": "application/x-www-form-urlencoded"}
    assert ask(site, {**form, **CROSS}) == ask(site, {**form, "Origin": STRANGER}) == 403
    assert calls == []
    assert ask(site, {**form, "Origin": "http://app.example"}) == 200
    assert calls == ["called", "page"]


def test_the_route_that_was_asked_decides_for_the_views_that_it_calls(
    site: Site, view: Any, calls: Calls
) -> None:
    inner = site.stream.response(view)
    site.view(lambda: inner(), cross_site=True)
    assert ask(site, CROSS) == 200
    assert calls == ["called"]


def test_a_request_keeps_one_object_in_its_environ_refused_or_not(site: Site, view: Any) -> None:
    kept: list[tuple[int, set[str]]] = []
    before: set[str] = set()
    app = site.app.wsgi_app

    def looking(environ: Any, start_response: Any) -> Any:
        before.update(environ)
        return app(environ, start_response)

    def look(response: Response) -> Response:
        ours = set(request.environ) - before - {"werkzeug.request"}
        kept.append((response.status_code, ours))
        return response

    site.app.wsgi_app = looking  # type: ignore[method-assign]
    site.app.after_request(look)
    site.app.register_error_handler(Forbidden, site.stream.response(lambda _: ["Go away."]))
    site.view(view)
    with site.ask(), site.ask(headers=CROSS), site.ask(headers={"Last-Event-ID": "x"}):
        pass
    assert kept == [(200, {"flask_stream"}), (200, {"flask_stream"}), (204, {"flask_stream"})]


def test_a_view_that_the_run_of_an_open_one_calls_is_open_too(
    site: Site, view: Any, calls: Calls
) -> None:
    inner = site.stream.response(view)

    @site.view(cross_site=True)
    def outer() -> Iterator[str]:
        yield "before "
        with inner() as response:
            yield f"{response.status_code}"

    with site.ask(headers=CROSS) as response:
        assert said(events_of(response.response)) == "before 200"
    assert calls == ["called"]


def test_an_open_view_that_is_called_by_another_opens_nothing(
    site: Site, view: Any, calls: Calls
) -> None:
    inner = site.stream.response(cross_site=True)(view)
    site.view(lambda: inner())
    assert ask(site, CROSS) == 403
    assert calls == []


def test_a_preflight_calls_no_view_and_opens_none(site: Site, view: Any, calls: Calls) -> None:
    CORS(site.app, origins=[STRANGER])
    site.view(view)
    asking = {**CROSS, "Origin": STRANGER, "Access-Control-Request-Method": "POST"}
    preflight = site.ask("OPTIONS", headers=asking)
    assert preflight.status_code == 200
    refused = site.ask(headers={**CROSS, "Origin": STRANGER})
    assert refused.status_code == 403
    # So that the page's script can read why.
    assert refused.headers["Access-Control-Allow-Origin"] == STRANGER
    assert calls == []


# -- caches -----------------------------------------------------------------------------------


def of_all(response: Response) -> None:
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.vary.as_set() >= VARY


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Last-Event-ID": "x"}, 204),
        (CROSS, 403),
        ({"Origin": STRANGER}, 403),
        ({"Accept": "image/png"}, 406),
    ],
)
def test_what_asks_nobody_is_kept_by_no_cache(
    site: Site, view: Any, method: str, headers: dict[str, str], status: int
) -> None:
    site.view(view)
    response = site.ask(method, headers=headers)
    assert response.status_code == status
    of_all(response)


@pytest.mark.parametrize("accept", [NATIVE, PLAIN, JSON, HTML])
@pytest.mark.parametrize(
    "refusal",
    [
        lambda: abort(403),
        lambda: 1 / 0,
        lambda: ("No more today.", 403),
        lambda: ({"code": "quota"}, 402),
        lambda: Response("No.", 503),
        lambda: ("", 204),
        lambda: None,
    ],
    ids=["abort", "bug", "page", "JSON", "Response", "204", "nothing"],
)
def test_what_a_view_refuses_by_is_kept_by_no_cache(site: Site, refusal: Any, accept: str) -> None:
    site.view(refusal)
    of_all(site.ask(headers={"Accept": accept}))


@pytest.mark.parametrize("status", [200, 204, 301, 302, 308, 399])
def test_what_a_view_says_of_caches_itself_is_left_to_it(site: Site, status: int) -> None:
    site.view(lambda: ("", status, {"Cache-Control": "max-age=60", "Location": "/x"}))
    assert site.ask().headers["Cache-Control"] == "max-age=60"


@pytest.mark.parametrize("status", [400, 404, 410, 503])
def test_an_error_is_kept_by_no_cache_whatever_the_view_says(site: Site, status: int) -> None:
    site.view(lambda: ("Gone.", status, {"Cache-Control": "max-age=60"}))
    of_all(site.ask())


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_where_a_view_sends_one_reader_no_cache_sends_others(site: Site, code: int) -> None:
    site.view(lambda: redirect("/login", code))
    of_all(site.ask())


REFUSALS: dict[str, tuple[dict[str, str], Callable[[], Any]]] = {
    "another site": (CROSS, list),
    "a format that there is not": ({"Accept": "image/png"}, list),
    "the provider": ({}, lambda: raising(ProviderError("overloaded"))),
    "the app": ({}, lambda: raising(StreamFailed("No."))),
    "abort": ({}, lambda: abort(404)),
    "a bug": ({}, lambda: 1 / 0),
}


def raising(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("status", [200, 204, 302, 404])
@pytest.mark.parametrize("told", [{}, {"Cache-Control": "public, max-age=3600"}])
def test_an_errorhandlers_answer_is_kept_by_no_cache_whatever_its_status(
    site: Site, refusal: str, status: int, told: dict[str, str]
) -> None:
    headers, view = REFUSALS[refusal]
    site.view(view)
    site.app.register_error_handler(
        Exception, lambda _: ("Sorry.", status, {"Location": "/sorry", **told})
    )
    response = site.ask(headers=headers)
    assert response.status_code == status
    of_all(response)


@pytest.mark.parametrize("headers", [CROSS, {"Last-Event-ID": "x"}])
def test_what_an_app_says_of_all_its_responses_is_not_said_of_refusals(
    site: Site, view: Any, headers: dict[str, str]
) -> None:
    site.view(view)

    @site.app.after_request
    def keep(response: Response) -> Response:
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    of_all(site.ask(headers=headers))


@pytest.mark.parametrize("status", [302, 401, 429])
@pytest.mark.parametrize("where", ["a decorator", "before_request"])
def test_what_refuses_before_the_view_is_kept_by_no_cache_either(
    site: Site, view: Any, calls: Calls, status: int, where: str
) -> None:
    """As Flask-Login, Flask-Limiter and Flask-WTF do."""

    def refuse() -> Any:
        return "", status, {"Location": "/login"}

    streaming = site.stream.response(view)
    if where == "a decorator":
        site.app.add_url_rule("/guarded", "guarded", wraps(streaming)(refuse))
    else:
        site.app.add_url_rule("/guarded", "guarded", streaming)
        site.app.before_request(refuse)
    response = site.app.test_client().get("/guarded")
    assert response.status_code == status
    of_all(response)
    assert calls == []


def test_the_apps_other_routes_are_left_alone(site: Site) -> None:
    site.app.add_url_rule("/other", "other", lambda: redirect("/"))
    for path in ("/other", "/nothing"):
        response = site.app.test_client().get(path)
        assert not {"Cache-Control", "Vary"} & {*response.headers.keys()}


def several_vary(response: Response) -> Response:
    response.headers.add("Vary", "Cookie")
    response.headers.add("Vary", "accept, X-Tenant")
    return response


@pytest.mark.parametrize("accept", [NATIVE, PLAIN, JSON, HTML])
def test_no_vary_header_of_the_apps_is_lost(site: Site, accept: str) -> None:
    site.view(lambda: several_vary(Response("No.", 403)))
    site.app.after_request(several_vary)
    response = site.ask(headers={"Accept": accept})
    assert len(response.headers.getlist("Vary")) == 1
    assert response.vary.as_set() == VARY | {"cookie", "x-tenant"}


@pytest.mark.parametrize("value", ["words", {"a": 1}, Response("words")])
def test_what_a_view_answers_without_a_stream_is_its_own_for_caches_too(
    site: Site, value: Any
) -> None:
    site.view(lambda: value)
    response = site.ask()
    assert not {"Cache-Control", "Vary", "X-Content-Type-Options"} & {*response.headers.keys()}


@pytest.mark.parametrize("error", [RuntimeError, Forbidden])
def test_in_debug_mode_an_error_is_kept_by_no_cache_either(site: Site, error: Any) -> None:
    site.app.debug = True

    @site.view
    def view() -> None:
        raise error

    of_all(site.ask())
