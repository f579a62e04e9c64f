"""What is made of a request's headers: the format it gets, and when it asks nobody."""

from __future__ import annotations

import pytest
from flask import abort

from flask_stream.formats import choose, negotiate
from flask_stream.formats.json import Json
from flask_stream.formats.text import PlainText
from tests.conftest import Site
from tests.test_formats import CHROME, HTML, JSON, NATIVE, PLAIN, asking, words

# -- negotiation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, NATIVE),
        ("", NATIVE),
        ("*/*", NATIVE),
        ("text/*", NATIVE),
        ("application/*", JSON),
        (NATIVE, NATIVE),
        (JSON, JSON),
        (PLAIN, PLAIN),
        (HTML, HTML),
        (CHROME, HTML),
        ("TEXT/Plain", PLAIN),
        ("text/plain; charset=utf-8", PLAIN),
        # The highest q wins …
        ("application/json, text/event-stream;q=0.9", JSON),
        ("application/json;q=0.2, text/plain;q=0.3", PLAIN),
        ("text/html;q=0.1", HTML),
        ("application/json, text/plain, */*", NATIVE),  # as axios sends it
        ("text/html, application/json;q=0.9, */*;q=0.8", HTML),
        # … ties go to native, JSON, plain, HTML …
        ("text/plain, application/json, text/event-stream", NATIVE),
        ("text/html, text/plain, application/json", JSON),
        ("text/html, text/plain", PLAIN),
        # … and the more specific range says what q is.
        ("*/*, text/event-stream;q=0.1", JSON),
        ("text/*;q=0.1, */*;q=0.5", JSON),
        ("text/*, text/event-stream;q=0", PLAIN),
        ("image/png, text/plain;q=0.1", PLAIN),
        # Formats that have no MIME type of their own have a name.
        ("text/event-stream;format=json", JSON),
        ("text/event-stream; format=text", PLAIN),
        ("text/event-stream;format=native", NATIVE),
        ('text/event-stream;format="json"', JSON),
        ("text/event-stream;format=json;q=0.5", JSON),
        ("text/event-stream;format=json;q=0.5, text/plain", PLAIN),
        ("text/event-stream;format=json;q=0, text/plain", PLAIN),
        ("text/event-stream;FORMAT=Json", JSON),
        # A name that there is not is passed over while another range fits …
        ("text/event-stream;format=nope, application/json", JSON),
        ("application/json, text/event-stream;format=nope", JSON),
        ("text/event-stream;format=nope, text/html;q=0.1", HTML),
        ("text/event-stream;format=nope, */*;q=0.1", NATIVE),
        ("text/event-stream;format=nope, text/event-stream;q=0.1, text/plain;q=0.2", PLAIN),
        ("text/event-stream;format=html, text/plain", PLAIN),
        ("text/event-stream;format=nope, text/event-stream;format=text", PLAIN),
        # … a range's q is that of its name …
        ("text/event-stream;format=json;q=0.1, text/event-stream", NATIVE),
        ("text/event-stream, text/event-stream;format=json;q=0.1", NATIVE),
        ("text/event-stream;q=0.1, text/event-stream;format=json", JSON),
        ("text/event-stream;format=json;q=0.1, text/event-stream;format=text;q=0.2", PLAIN),
        ("text/event-stream;format=json;q=0.1, text/plain;q=0.2", PLAIN),
        ("text/event-stream;format=text;q=0.1, */*", NATIVE),
        ("text/event-stream;format=text;q=0, */*", NATIVE),
        # … and of what is wanted as much, the one that is named is the one, the first of several.
        ("text/event-stream;format=text, text/event-stream", PLAIN),
        ("*/*, text/event-stream;format=text", PLAIN),
        ("application/json, text/event-stream;format=text", PLAIN),
        ("text/event-stream;format=text, text/event-stream;format=json", PLAIN),
        ("text/event-stream;format=json, text/event-stream;format=text", JSON),
        # The native one is `text/event-stream` and `text/event-stream;format=native`, and the
        # more specific range says what its q is.
        ("text/event-stream, text/event-stream;format=native;q=0, text/html;q=0.1", HTML),
        ("text/event-stream;format=native;q=0.1, text/event-stream, text/plain;q=0.5", PLAIN),
        # What is excluded is not had by a wider range either.
        ("application/json;q=0, application/*, text/html;q=0.1", HTML),
        ("text/event-stream;q=0, application/json;q=0, */*;q=0.1", PLAIN),
        ("text/*;q=0, */*;q=0.1", JSON),
        # Parameters that we could not choose by.
        ("application/json;profile=x;q=0.5, text/plain;format=flowed", PLAIN),
        # What cannot be weighed is not asked for.
        ("application/json;q=nan, text/plain;q=0.1", PLAIN),
        ("application/json;q=2, text/plain;q=0.1", PLAIN),
        ("application/json;q=-1, text/plain;q=0.1", PLAIN),
        ("application/json;q=high, text/plain;q=0.1", PLAIN),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", HTML),  # as Java sends it
        (",", NATIVE),
        (", ,application/json,,", JSON),
    ],
)
def test_the_accept_header_decides(site: Site, accept: str | None, mimetype: str) -> None:
    response = asking(words(site), accept)
    assert (response.status_code, response.mimetype) == (200, mimetype)
    assert "Accept" in response.vary


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "text/event-stream;q=0",
        "*/*;q=0",
        "text/event-stream;format=yaml",
        "text/event-stream;format=yaml, image/*",
        "text/event-stream;format=json;q=0",
        "text/event-stream, text/event-stream;format=native;q=0",
        "application/json;q=0, application/*",
        "application/json;q=nan",
    ],
)
def test_what_nothing_fits_is_told_what_there_is(site: Site, accept: str) -> None:
    response = asking(words(site), accept)
    assert response.status_code == 406
    message = response.json["message"]
    assert accept not in message
    for offered in (NATIVE, JSON, PLAIN, HTML, "json, native, text"):
        assert offered in message


def test_a_browser_that_nothing_fits_for_its_scripts_reads_the_error_as_a_page(site: Site) -> None:
    site.view(lambda: abort(403, "No more today."))
    response = asking(site, "text/event-stream;format=nope, text/html;q=0.1")
    assert (response.status_code, response.mimetype) == (403, HTML)
    response = asking(site, "text/event-stream;format=json, text/html;q=0.1")
    assert (response.status_code, response.mimetype) == (403, JSON)


@pytest.mark.parametrize("range_", ["image/png", "text/event-stream;format=f0;q=0.5", "a;b=c;d=e"])
def test_of_a_long_accept_header_two_kilobytes_are_read(
    monkeypatch: pytest.MonkeyPatch, range_: str
) -> None:
    read: list[str] = []
    parse = negotiate.parse_options_header
    monkeypatch.setattr(
        negotiate, "parse_options_header", lambda item: [read.append(item), parse(item)][1]
    )

    def refused(ranges: int) -> list[str]:
        read.clear()
        negotiate._best.cache_clear()
        assert asking(words(Site()), ", ".join([range_] * ranges)).status_code == 406
        return [*read]

    once, twice = refused(1000), refused(2000)
    assert once == twice
    assert len(", ".join(once)) <= 2048


def test_what_an_accept_header_asks_for_first_counts_however_long_it_is() -> None:
    assert isinstance(choose("application/json, " + "image/png, " * 1000), Json)


def test_a_range_that_the_end_of_what_is_read_cuts_is_not_asked_for() -> None:
    asked = "application/json;q=0.5, "
    filled = asked + "x/y,".rjust(2048 - len(asked) - len("text/plain")) + "text/plain"
    assert len(filled) == 2048
    assert isinstance(choose(filled), PlainText)
    assert isinstance(choose(filled + ";q=0.1, x/y"), Json)


@pytest.mark.parametrize("accept", [None, NATIVE, PLAIN, HTML, "image/png"])
@pytest.mark.parametrize(
    ("format", "mimetype"), [("json", JSON), ("text", PLAIN), ("native", NATIVE)]
)
def test_the_routes_own_format_wins(
    site: Site, accept: str | None, format: str, mimetype: str
) -> None:
    site.view(format=format)(lambda: ["one"])
    response = asking(site, accept)
    assert (response.status_code, response.mimetype) == (200, mimetype)


def test_the_view_is_not_called_for_a_format_that_it_cannot_have(site: Site) -> None:
    called = []
    site.view(lambda: called.append(1))
    assert asking(site, "image/png").status_code == 406
    assert called == []


# -- requests that must not run the prompt ----------------------------------------------------


@pytest.fixture
def calls(site: Site) -> list[int]:
    """One entry for each time that the view was called."""
    calls: list[int] = []

    def view() -> list[str]:
        calls.append(1)
        return ["one"]

    site.view(on_finish=calls.append)(view)
    return calls


@pytest.mark.parametrize("accept", [None, NATIVE, PLAIN, JSON, HTML])
def test_head_has_the_headers_of_get_and_asks_nobody(
    site: Site, calls: list[int], accept: str | None
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    head = site.ask("HEAD", headers=headers)
    assert (head.status_code, head.data, calls) == (200, b"", [])
    got = dict(site.ask("GET", headers=headers).headers)
    got.pop("Content-Length", None)
    assert dict(head.headers) == got


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_reconnects_is_told_to_stop(
    site: Site, calls: list[int], method: str
) -> None:
    id = site.events(method=method)[0][1]["id"]
    called = len(calls)
    again = site.ask(method, headers={"Last-Event-ID": id})
    assert (again.status_code, again.data) == (204, b"")
    assert again.headers["Cache-Control"] == "no-store"
    assert len(calls) == called
