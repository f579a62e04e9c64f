"""What a page of another site can have a real browser ask, and how often the view is called for it.

Over plain http, to a host that is not localhost, browsers say nothing by `Sec-Fetch-Site`. Chromium
is told here that every host is this machine: then `app.test` and `stranger.test` are two such.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response, render_template_string, request
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect
from werkzeug.serving import make_server

from flask_stream import FlaskStream
from tests.browser.client_server import HEAD
from tests.browser.on_page import element
from tests.conftest import CHROMIUM_ARGUMENTS, patient
from tests.servers.running import until

pytestmark = pytest.mark.browser

# How a page asks for `URL`, with the reader's cookies; by the method that it can.
IMAGE = "document.body.append(Object.assign(new Image(), { src: URL }))"
GETS = {
    "image": IMAGE,
    "image without referrer": IMAGE.replace("src:", 'referrerPolicy: "no-referrer", src:'),
    "iframe": 'document.body.append(Object.assign(document.createElement("iframe"), { src: URL }))',
    "form": """
        document.body.innerHTML = `<form action="${URL}" target=_blank><input name=q></form>`;
        document.forms[0].submit()""",
    "prefetch": """
        document.head.append(Object.assign(document.createElement("link"), {
          rel: "prefetch", href: URL }))""",
    "script": """
        document.body.append(Object.assign(document.createElement("script"), { src: URL }))""",
    "no-cors fetch": 'fetch(URL, { mode: "no-cors", credentials: "include" }).catch(() => {})',
}
# These say whose page it is by `Origin` too, whatever the scheme.
CORS_GETS = {
    "EventSource": "globalThis.source = new EventSource(URL)",
    "EventSource with credentials": """
        globalThis.source = new EventSource(URL, { withCredentials: true })""",
    "fetch": 'fetch(URL, { credentials: "include" }).catch(() => {})',
}
POSTS = {
    "form": """
        document.body.innerHTML = `<form method=post action="${URL}" target=_blank>
          <input name=q value=hi></form>`;
        document.forms[0].submit()""",
    "form without referrer": """
        document.head.innerHTML += "<meta name=referrer content=no-referrer>";
        document.body.innerHTML = `<form method=post action="${URL}" target=_blank>
          <input name=q value=hi></form>`;
        document.forms[0].submit()""",
    "form as text/plain": """
        document.body.innerHTML = `<form method=post action="${URL}" enctype="text/plain"
          target=_blank><input name=q value=hi></form>`;
        document.forms[0].submit()""",
    "fetch of text/plain": """
        fetch(URL, { method: "POST", body: "{}", mode: "no-cors", credentials: "include" })
          .catch(() => {})""",
    "beacon": 'navigator.sendBeacon(URL, "q=hi")',
    "sandboxed frame": """
        document.body.append(Object.assign(document.createElement("iframe"), {
          sandbox: "allow-scripts allow-forms",
          srcdoc: `<form method=post action="${URL}"><input name=q></form>
            <script>document.forms[0].submit()</script>` }))""",
}


class App:
    """An app with one streaming view, and what it was asked for.

    :ivar port: where it is served.
    :ivar asked: the method and the path of each request.
    :ivar headers: those of the last request for a path.
    :ivar called: how often the view was, by the name in its path.
    """

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.called: Counter[str] = Counter()
        self.headers: dict[str, Any] = {}
        self.wsgi = app = Flask("app")
        stream = FlaskStream(app)

        @app.after_request
        def write_down(response: Response) -> Response:
            """By now the view was called, or never will be."""
            self.headers[request.path] = request.headers
            self.asked.append(f"{request.method} {request.path}")
            return response

        @app.route("/chat/<way>", methods=["GET", "POST"])
        @stream.response
        def chat(way: str) -> list[str]:
            self.called[way] += 1
            return ["hello"]

        @app.get("/<way>")
        def page(way: str) -> str:
            return render_template_string(
                f"{HEAD}{{{{ stream_script() }}}}<form id=ask method=post action='/chat/{way}'>"
                "<input name=q value=hi aria-label=Question><button>Ask</button></form>"
                "<flask-stream form=ask></flask-stream>"
            )

    def was_asked(self, method: str, way: str) -> None:
        until(lambda: f"{method} /chat/{way}" in self.asked, f"nobody asked: {self.asked}")


@pytest.fixture(scope="module")
def everywhere(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """A Chromium for which every host is this machine."""
    rules = "--host-resolver-rules=MAP * 127.0.0.1"
    arguments = [*CHROMIUM_ARGUMENTS, rules]
    browser = patient(playwright.chromium.launch(executable_path=chromium, args=arguments))
    yield browser
    browser.close()


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """Serve an app, each request in a thread; gives the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    app = App()
    with serving(app.wsgi) as app.port:
        yield app


@pytest.fixture(scope="module")
def stranger() -> Iterator[int]:
    """The port of a site whose page has nothing in it yet."""
    stranger = Flask("stranger")
    stranger.add_url_rule("/", "page", lambda: Response(f"{HEAD}<body>", mimetype="text/html"))
    with serving(stranger) as port:
        yield port


@pytest.fixture
def context(everywhere: Browser) -> Iterator[BrowserContext]:
    with everywhere.new_context() as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def ask(page: Page, app: App, host: str, method: str, script: str) -> str:
    """Have the page ask, wait until it has; gives the name that the view was asked by."""
    name = f"way-{len(app.asked)}"
    url = f"http://{host}:{app.port}/chat/{name}"
    page.evaluate(f"URL => {{ {script}; }}", url)
    app.was_asked(method, name)
    # What EventSource asks once more by itself, it would have asked by now as well.
    page.evaluate("globalThis.source?.close()")
    return name


def forms_of(ways: dict[str, str], method: str) -> list[Any]:
    return [pytest.param(method, script, id=f"{method} {way}") for way, script in ways.items()]


ALL = [*forms_of(GETS, "GET"), *forms_of(CORS_GETS, "GET"), *forms_of(POSTS, "POST")]


@pytest.mark.parametrize(("method", "script"), ALL)
def test_where_the_browser_says_whose_page_it_is_no_strangers_page_calls_the_view(
    page: Page, stranger: int, app: App, method: str, script: str
) -> None:
    page.goto(f"http://127.0.0.1:{stranger}/")
    name = ask(page, app, "localhost", method, script)
    assert app.headers[f"/chat/{name}"]["Sec-Fetch-Site"] == "cross-site"
    assert app.called[name] == 0


@pytest.mark.parametrize(
    ("method", "script"), [*forms_of(CORS_GETS, "GET"), *forms_of(POSTS, "POST")]
)
def test_over_plain_http_no_strangers_page_calls_the_view_where_the_origin_tells(
    page: Page, stranger: int, app: App, method: str, script: str
) -> None:
    page.goto(f"http://stranger.test:{stranger}/")
    name = ask(page, app, "app.test", method, script)
    assert "Sec-Fetch-Site" not in app.headers[f"/chat/{name}"]
    assert app.called[name] == 0


@pytest.mark.parametrize(("method", "script"), forms_of(GETS, "GET"))
def test_over_plain_http_no_header_tells_whose_page_a_get_is_for_that_no_script_reads(
    page: Page, stranger: int, app: App, method: str, script: str
) -> None:
    """As docs/deployment.md says: this is the browser's, and POST or https the way out."""
    page.goto(f"http://stranger.test:{stranger}/")
    name = ask(page, app, "app.test", method, script)
    assert not {"Sec-Fetch-Site", "Origin"} & {*app.headers[f"/chat/{name}"].keys()}
    assert app.called[name] == 1


@pytest.mark.parametrize(
    ("method", "script"), [*forms_of(CORS_GETS, "GET"), *forms_of({"form": POSTS["form"]}, "POST")]
)
@pytest.mark.parametrize("host", ["app.test", "localhost"])
def test_another_port_of_the_apps_host_is_its_own_site(
    page: Page, stranger: int, app: App, method: str, script: str, host: str
) -> None:
    page.goto(f"http://{host}:{stranger}/")
    name = ask(page, app, host, method, script)
    assert app.called[name] == 1


def test_over_plain_http_a_form_of_a_page_without_referrers_is_nobodys_and_its_script_is_not(
    page: Page, app: App
) -> None:
    page.goto(f"http://app.test:{app.port}/shy")
    page.evaluate("document.head.innerHTML += '<meta name=referrer content=no-referrer>'")
    page.click("text=Ask")
    expect(element(page)).to_have_attribute("data-state", "done")
    page.evaluate("document.forms[0].submit()")
    expect(page.locator("body")).to_contain_text("does not say whose it is (Origin: null)")
    assert app.called["shy"] == 1


@pytest.mark.parametrize("host", ["app.test", "app.test.", "my_app.test", "localhost", "127.0.0.1"])
def test_the_apps_own_page_is_answered_with_a_script_and_without(
    page: Page, app: App, host: str
) -> None:
    page.goto(f"http://{host}:{app.port}/own-{host}")
    page.click("text=Ask")
    expect(element(page)).to_have_attribute("data-state", "done")
    page.evaluate("document.forms[0].submit()")
    expect(page.locator("body")).to_have_text("hello")
    assert app.called[f"own-{host}"] == 2
