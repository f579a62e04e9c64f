"""The client's files: their tags, their addresses, and how long a browser may keep them."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from werkzeug.test import TestResponse

from flask_stream import FlaskStream, web
from flask_stream.web import digest
from tests.conftest import ROOT

STATIC = ROOT / "flask_stream" / "static"
WORDS = ROOT / "js" / "src" / "words"  # of each language
FILES = {
    **dict.fromkeys(("flask-stream.js", "flask-stream-more.js"), "text/javascript"),
    **dict.fromkeys(("flask-stream-chat.js", "flask-stream-chat-more.js"), "text/javascript"),
    "flask-stream-markdown.js": "text/javascript",
    **{f"flask-stream-words-{each.stem}.js": "text/javascript" for each in WORDS.iterdir()},
    "flask-stream.css": "text/css",
    "flask-chat.css": "text/css",
    **dict.fromkeys(
        ("flask-stream.d.ts", "flask-stream-chat.d.ts", "flask-stream-markdown.d.ts"), "text/plain"
    ),
    "flask-stream-words.d.ts": "text/plain",
    "flask-stream-markdown.LICENSE.txt": "text/plain",
}
HASH_OF_ANOTHER_DAY = "0123456789abcdef"


def make_app(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    FlaskStream(app)
    return app


def render(app: Flask, template: str, url: str = "/", **context: Any) -> str:
    with app.test_request_context(url):
        return render_template_string(template, **context)


def url_of(app: Flask, filename: str = "flask-stream.js") -> str:
    return render(app, "{{ stream_url(name) }}", name=filename)


class Tags(HTMLParser):
    """The start tags of a page, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# -- tags -------------------------------------------------------------------------------


def test_the_script_tag_is_a_module_and_the_style_tag_a_style_sheet() -> None:
    app = make_app()
    page = render(app, "{{ stream_script() }}{{ stream_style() }}")
    assert Tags(page).found == [
        ("script", {"type": "module", "src": url_of(app)}),
        ("link", {"rel": "stylesheet", "href": url_of(app, "flask-stream.css")}),
    ]
    assert page.endswith(">")
    assert "<script>" not in page


@pytest.mark.parametrize("tag", ["stream_script", "stream_style"])
@pytest.mark.parametrize(
    ("nonce", "expected"),
    [
        ("abc123+/=", "abc123+/="),
        (lambda: "called", "called"),
        ('"><script>alert(1)</script>', '"><script>alert(1)</script>'),
        (lambda: "<b>&'\"", "<b>&'\""),
        (None, None),
        ("", None),
        (lambda: "", None),
    ],
    ids=["str", "callable", "hostile", "hostile callable", "None", "empty", "empty callable"],
)
def test_a_nonce_may_be_a_str_or_a_callable_and_is_escaped(
    tag: str, nonce: Any, expected: str | None
) -> None:
    page = render(make_app(), f"{{{{ {tag}(nonce) }}}}", nonce=nonce)
    (found,) = Tags(page).found
    assert found[1].get("nonce") == expected
    assert ("nonce" in found[1]) == (expected is not None)


def test_the_tags_are_not_escaped_by_the_template_and_the_url_is_a_plain_str() -> None:
    page = render(make_app(), "{{ stream_script() }}|{{ stream_url() }}")
    assert page.startswith("<script ")
    assert page.partition("|")[2].startswith("/_stream/")


def test_the_tags_work_in_an_imported_macro() -> None:
    """Where a template has no context of its own."""
    from jinja2 import DictLoader

    app = make_app()
    app.jinja_loader = DictLoader(
        {"m.html": "{% macro head() %}{{ stream_script() }}{% endmacro %}"}
    )
    page = render(app, "{% import 'm.html' as m %}{{ m.head() }}")
    assert [tag for tag, _ in Tags(page).found] == ["script"]


@pytest.mark.parametrize(
    ("config", "environ", "start"),
    [
        ({}, {}, "/_stream/static/"),
        ({"STREAM_URL_PREFIX": "/a/b"}, {}, "/a/b/static/"),
        ({"APPLICATION_ROOT": "/site"}, {}, "/site/_stream/static/"),
        ({}, {"SCRIPT_NAME": "/mounted"}, "/mounted/_stream/static/"),
        ({"STREAM_URL_PREFIX": "/s"}, {"SCRIPT_NAME": "/mounted"}, "/mounted/s/static/"),
    ],
    ids=["default", "prefix", "application root", "script name", "both"],
)
def test_the_address_follows_the_prefix_and_the_place_where_the_app_is_mounted(
    config: dict[str, str], environ: dict[str, str], start: str
) -> None:
    app = make_app(**config)
    app.add_url_rule("/page", view_func=lambda: render_template_string("{{ stream_url() }}"))
    base = config.get("APPLICATION_ROOT", "")
    client = app.test_client()
    url = client.get("/page", environ_overrides=environ or {"SCRIPT_NAME": base}).text
    assert url.startswith(start)
    mounted = environ.get("SCRIPT_NAME", base)
    found = client.get(
        url.removeprefix(mounted), environ_overrides={"SCRIPT_NAME": mounted}, buffered=True
    )
    assert found.status_code == 200


def test_the_address_is_the_files_own_wherever_the_page_is() -> None:
    app = make_app()
    assert url_of(app) == f"/_stream/static/{digest()}/flask-stream.js"
    with app.test_request_context("/deep/er/page"):
        assert render_template_string("{{ stream_url() }}") == url_of(app)


# -- files ------------------------------------------------------------------------------


def forget() -> None:
    """As a process is that has not been asked yet."""
    web._files.cache_clear()
    digest.cache_clear()


def fetch(url: str, method: str = "GET", **headers: str) -> TestResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_app().test_client().open(url, method=method, headers=fields, buffered=True)


def address(filename: str = "flask-stream.js", version: str | None = None) -> str:
    return f"/_stream/static/{version or digest()}/{filename}"


@pytest.mark.parametrize(("filename", "mimetype"), FILES.items())
def test_a_file_is_served_whole_and_for_a_year(filename: str, mimetype: str) -> None:
    response = fetch(address(filename))
    assert response.status_code == 200
    assert response.data == (STATIC / filename).read_bytes()
    assert response.mimetype == mimetype
    assert response.content_type == f"{mimetype}; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    cache = response.cache_control
    assert (cache.public, cache.max_age, cache.immutable) == (True, 365 * 24 * 3600, True)
    assert not cache.no_cache
    assert not cache.no_store


@pytest.mark.parametrize("filename", FILES)
def test_under_an_old_hash_nothing_is_served_or_kept(filename: str) -> None:
    """The files of a page from before a deploy fit each other; today's may not fit them."""
    response = fetch(address(filename, HASH_OF_ANOTHER_DAY))
    assert response.status_code == 404
    assert response.cache_control.no_store


def test_every_file_of_the_package_is_served() -> None:
    assert {path.name for path in STATIC.iterdir()} == set(FILES)
    assert {name: fetch(address(name)).status_code for name in FILES} == dict.fromkeys(FILES, 200)


def test_another_file_that_lies_beside_the_clients_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = shutil.copytree(STATIC, tmp_path / "static")
    others = [".env", "notes.js", "flask-stream.js.map", "flask-stream.js~", "FLASK-STREAM.js"]
    for name in others:
        (copied / name).write_text("not for everybody")
    monkeypatch.setattr(web, "_STATIC", copied)
    assert fetch(address()).status_code == 200
    for name in others:
        response = fetch(address(name))
        assert (response.status_code, response.cache_control.no_store) == (404, True)
        assert "not for everybody" not in response.text


@pytest.mark.parametrize(
    "path",
    [
        address("nothing.js"),
        address("../web.py"),
        address("..%2fweb.py"),
        address("%2e%2e/web.py"),
        address("..%5cweb.py"),
        address("%2fetc%2fpasswd"),
        address("flask-stream.js/"),
        address("flask-stream.js%00.css"),
        address("%00"),
        address("flask-stream.js."),
        address("flask-stream.js%20"),
        address("flask-stream.js%0a"),
        address("flask-stream.js::$DATA"),
        address("flask%2dstream%e2%80%ae.js"),
        address("%ff.js"),
        address("NUL"),
        address("x" * 5000 + ".js"),
        "/_stream/static/flask-stream.js",
        f"/_stream/static/{digest()}/",
        f"/_stream/static/../{digest()}/../../web.py",
        "/_stream/",
    ],
)
def test_no_file_but_the_clients_is_served(path: str) -> None:
    response = fetch(path)
    assert response.status_code == 404
    assert b"Blueprint" not in response.data


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_clients_files_take_no_method_but_get_and_head(method: str) -> None:
    assert fetch(address(), method).status_code == 405


def test_head_has_the_headers_and_no_body() -> None:
    response, whole = fetch(address(), "HEAD"), fetch(address())
    assert (response.status_code, response.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Cache-Control", "ETag"):
        assert response.headers[name] == whole.headers[name], name


def test_a_browser_that_has_the_file_is_told_so() -> None:
    whole = fetch(address())
    for headers in (
        {"If_None_Match": whole.headers["ETag"]},
        {"If_Modified_Since": whole.headers["Last-Modified"]},
    ):
        response = fetch(address(), **headers)
        assert (response.status_code, response.data) == (304, b"")
        assert response.cache_control.immutable
    assert fetch(address(), If_None_Match='"another"').status_code == 200


@pytest.mark.parametrize("filename", FILES)
def test_what_is_served_for_a_year_is_what_was_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filename: str
) -> None:
    """A new version may be put in the files' place while the process goes on."""
    copied = shutil.copytree(STATIC, tmp_path / "static")
    monkeypatch.setattr(web, "_STATIC", copied)
    forget()
    try:
        url = address(filename)
        (copied / filename).write_text("of another version")
        (copied / "flask-stream.css").unlink()
        response = fetch(url)
        assert (response.status_code, response.data) == (200, (STATIC / filename).read_bytes())
    finally:
        forget()


def test_a_part_of_a_file_is_served() -> None:
    whole = (STATIC / "flask-stream.js").read_bytes()
    for asked, part in {"0-9": whole[:10], "10-": whole[10:], "-5": whole[-5:]}.items():
        response = fetch(address(), Range=f"bytes={asked}")
        assert (response.status_code, response.data) == (206, part)
        assert response.content_length == len(part)
        assert response.content_range.length == len(whole)
        assert response.content_type == "text/javascript; charset=utf-8"
    stale = {"Range": "bytes=0-9", "If_Range": '"another"'}
    assert fetch(address(), **stale).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "bytes=9999999-"}, 416),
        ({"Range": "pages=1-2"}, 416),
        ({"If_Match": '"another"'}, 412),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_refused_condition_or_range_is_kept_by_no_cache(
    method: str, headers: dict[str, str], status: int
) -> None:
    response = fetch(address(), method, **headers)
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "ETag" not in response.headers
    assert b"function" not in response.data
    if status == 416:
        length = (STATIC / "flask-stream.js").stat().st_size
        assert response.headers["Content-Range"] == f"bytes */{length}"


def test_a_condition_that_holds_changes_nothing() -> None:
    headers = {"If_Match": fetch(address()).headers["ETag"]}
    assert fetch(address(), **headers).status_code == 200


def test_files_leave_the_session_and_its_cookie_alone() -> None:
    app = make_app(SECRET_KEY="k")
    client = app.test_client()
    with client.session_transaction() as session:
        session["user"] = "ada"
    response = client.get(address(), buffered=True)
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


def test_the_hash_is_that_of_the_files_content(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        shutil.copy(STATIC / name, tmp_path)
    hashes = []
    for change in (b"", b"", b" "):
        with (tmp_path / "flask-stream.js").open("ab") as file:
            file.write(change)
        monkeypatch.setattr(web, "_STATIC", tmp_path)
        forget()
        hashes.append(digest())
    monkeypatch.undo()
    forget()
    assert hashes[0] == hashes[1] != hashes[2]
    assert digest() == digest()
