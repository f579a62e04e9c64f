"""Whatever a model writes, or a provider, or a server: it is shown, and does nothing.

After each character, what the answer is made of is compared with a list of all it may be made of.
"""

from __future__ import annotations

import contextlib
import html
import json
import re
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route

from tests.browser.client_server import STRICT_CSP, Exchange, Site
from tests.browser.markdown_site import MODULES
from tests.browser.payloads import HTML, MARKDOWN, ODD, PAYLOADS, PLACES, URLS
from tests.own_time import in_its_own_time, part_of

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
SCRIPTS = {
    "xss": HERE / "xss_page.js",
    # Not built to a file of its own.
    "text": HERE.parents[1] / "js" / "src" / "text.js",
    "marked": MODULES / "marked" / "lib" / "marked.esm.js",
}
# The second, since a strict policy may hide what gets through.
POLICIES = {"strict policy": STRICT_CSP, "no policy": ""}
# A page that wants pictures from everywhere has to say so in its policy.
WITH_PICTURES = {"strict policy": f"{STRICT_CSP}; img-src *", "no policy": ""}


class Watch:
    """What a page asks for and opens, once it is there. Other hosts are not asked."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.opened: list[str] = []
        self._requests: list[Request] = []
        self._own = re.compile(rf"^{re.escape(site.url)}/(static/|test/|answer\?)")
        page.route(re.compile(rf"^(?!{re.escape(site.url)}/(static/|answer\?))"), self._answer)
        page.on("request", lambda request: self._requests.append(request))
        page.on("dialog", lambda dialog: (self.opened.append(dialog.type), dialog.dismiss()))
        page.on("popup", lambda popup: self.opened.append(f"popup {popup.url}"))
        page.on("download", lambda download: self.opened.append(f"download {download.url}"))
        page.on("frameattached", lambda frame: self.opened.append(f"frame {frame.url}"))
        page.on("worker", lambda worker: self.opened.append(f"worker {worker.url}"))

    def _answer(self, route: Route) -> None:
        url = route.request.url
        script = SCRIPTS.get(Path(url).stem) if self._own.match(url) else None
        if script:
            route.fulfill(body=script.read_text("utf-8"), content_type="text/javascript")
        else:
            route.fulfill(status=204)  # on which no browser leaves a page

    def strangers(self) -> list[Request]:
        """Requests that are neither our own nor those of a link that was clicked."""
        followed = run(self.page, "return tools.addressesFollowed()")
        return [
            request
            for request in self._requests
            if not self._own.match(request.url)
            and not (request.is_navigation_request() and request.url in followed)
        ]


def open_page(page: Page, site: Site, csp: str, body: str = "") -> Watch:
    page.goto(site.page(body, csp=csp))
    return Watch(page, site)


def run(page: Page, body: str, *arguments: Any) -> Any:
    """Run the body of a function of `tools` (what xss_page.js exports) and `arguments`."""
    script = f"""async ([...args]) => {{
      const tools = await import("/test/xss.js");
      return await (async (tools, ...args) => {{ {body} }})(tools, ...args);
    }}"""
    return page.evaluate(script, list(arguments))


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def expect_nothing(watch: Watch, before: Any, pictures: bool = False) -> None:
    page = watch.page
    assert run(page, "return tools.calls") == []
    assert run(page, "return tools.surroundings()") == before
    assert page.evaluate("window.violations") == []
    assert watch.opened == []
    for request in watch.strangers():
        assert pictures, request.url
        assert request.resource_type == "image"
        assert request.url.startswith(("http:", "https:"))
        assert "referer" not in request.headers


def policies_of(how: str) -> dict[str, str]:
    return WITH_PICTURES if how == "pictures" else POLICIES


# By the renderers


@pytest.mark.parametrize("how", ["text", "markdown", "pictures"])
@pytest.mark.parametrize("policy", POLICIES)
def test_no_beginning_of_a_payload_does_anything(
    page: Page, site: Site, how: str, policy: str
) -> None:
    watch = open_page(page, site, policies_of(how)[policy])
    before = run(page, "return tools.surroundings()")
    assert run(page, "return await tools.write(...args)", PAYLOADS, how) == []
    expect_nothing(watch, before, how == "pictures")


@pytest.mark.parametrize(
    ("how", "policy"),
    part_of(
        product(["markdown", "pictures"], POLICIES),
        kept=[("markdown", "no policy"), ("pictures", "strict policy")],
    ),
)
def test_no_payload_does_anything_in_any_place(
    page: Page, site: Site, how: str, policy: str
) -> None:
    watch = open_page(page, site, policies_of(how)[policy])
    before = run(page, "return tools.surroundings()")
    script = """
    const [texts, how] = args;
    return await tools.write(texts, how, { count: 3, touched: false });
    """
    texts = [place.replace("{}", payload) for place in PLACES for payload in PAYLOADS]
    assert run(page, script, texts, how) == []
    expect_nothing(watch, before, how == "pictures")


# By the element, from a server


def event(name: str, data: object) -> bytes:
    """Whatever it is called; a name cannot have a line end."""
    name = re.sub(r"[\r\n]", " ", name)
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def send_as_text(exchange: Exchange, payload: str) -> None:
    """One character in each event; and as the name of an event, and why the answer ended."""
    unknown = event(payload, dict.fromkeys(["text", "name", "id", "url"], payload))
    exchange.begin().write(event("start", {"id": payload, "model": payload}) + unknown)
    exchange.write(b"".join(event("text", {"text": character}) for character in payload))
    length = len(payload.encode("utf-16-le")) // 2
    exchange.write(event("done", {"stop_reason": payload, "text_length": length})).end()


def send_as_parts(exchange: Exchange, payload: str) -> None:
    """As all else that an answer has, and the message of the failure that it ends with."""
    tool = dict.fromkeys(["id", "name", "index", "arguments", "content", "__proto__"], payload)
    address = ADDRESSES[PAYLOADS.index(payload) % len(ADDRESSES)]
    urls = [payload, f"https://evil.example/{payload}", f"javascript:{payload}", address]
    events = [
        *(event("reasoning", {"text": character}) for character in payload),
        *(event(f"tool_{kind}", tool) for kind in ["call_start", "call_delta", "call"]),
        event("tool_result", tool | {"is_error": True}),
        event("tool_call_start", {"id": "running", "name": payload}),
        event(f"tool_{payload}", {"id": f"another {payload}", "name": payload}),
        event("source", {"url": payload, "document": payload}),
        *(event("source", {"url": url, "title": f"{url} {payload}"}) for url in urls),
        event("usage", {payload: payload}),
        event("meta", {payload: {"__proto__": {payload: payload}}}),
        event("refusal", {"text": payload}),
        event("failed", {"code": payload, "message": payload, "retryable": payload}),
    ]
    exchange.begin().write(b"".join(events)).end()


def send_as_json(exchange: Exchange, payload: str) -> None:
    """As what an API says of an error."""
    body = dict.fromkeys(["code", "message", "description", "retryable", "__proto__"], payload)
    exchange.begin(429, "application/json", Retry_After="<b>" if len(payload) % 2 else "9")
    exchange.write(json.dumps(body).encode()).end()


def send_as_kind(exchange: Exchange, payload: str) -> None:
    """As the type of the content, which the status tells."""
    kind = re.sub(r"[^ -~]", "", payload)
    with contextlib.suppress(ConnectionError):  # nobody wants to read it
        exchange.begin(200, f"text/{kind}").write(payload.encode()).end()


WAYS = {
    "text": send_as_text,
    "parts": send_as_parts,
    "json": send_as_json,
    "kind": send_as_kind,
}
# What addresses come to once their character references are characters.
ADDRESSES = [html.unescape(url) for url in URLS] + [
    "/x",
    "//evil.example",
    "\x01javascript:alert(1)",
]


@pytest.fixture
def answering_site(site: Site) -> Iterator[Site]:
    """Answers by itself, while the page waits for what it has asked for."""
    requests: Any = site.requests["/answer"]
    errors: list[Exception] = []

    def answer_all() -> None:
        while exchange := requests.get():
            [way], [number] = exchange.query["way"], exchange.query["n"]
            try:
                WAYS[way](exchange, PAYLOADS[int(number)])
            except Exception as error:
                errors.append(error)
                exchange.cut()

    thread = threading.Thread(target=answer_all, daemon=True)
    thread.start()
    yield site
    requests.put(None)
    thread.join()
    assert errors == []


# What the page has, and the ways in that are tried there.
ELEMENTS = {
    "text": ("<flask-stream></flask-stream>", "", ["text", "parts", "json", "kind"]),
    "markdown": (
        "<flask-stream render=markdown><div data-stream=reasoning></div></flask-stream>",
        "markdown",
        ["text", "parts"],
    ),
    "pictures": ("<flask-stream></flask-stream>", "pictures", ["text"]),
}


# Without a policy nothing but the client stands in a payload's way; with one, nothing is reported.
@pytest.mark.parametrize(
    ("how", "policy"),
    [
        ("text", "no policy"),
        ("markdown", "no policy"),
        pytest.param("markdown", "strict policy", marks=in_its_own_time),
        ("pictures", "strict policy"),
    ],
)
def test_no_payload_from_a_server_does_anything(
    page: Page, answering_site: Site, how: str, policy: str
) -> None:
    body, name, ways = ELEMENTS[how]
    # A hidden page paints each event at once, not what a frame has brought.
    page.add_init_script('Object.defineProperty(document, "hidden", { value: true });')
    watch = open_page(page, answering_site, policies_of(how)[policy], body)
    before = run(page, "return tools.surroundings()")
    for way in ways:
        result = run(page, "return await tools.stream(...args)", way, PAYLOADS, name)
        assert result["wrong"] == []
        if way in ("text", "parts"):
            assert result["events"] > sum(map(len, PAYLOADS))
    expect_nothing(watch, before, how == "pictures")
    if how == "pictures":
        assert any("//evil.example" in request.url for request in watch.strangers())


def test_a_picture_is_asked_for_without_a_referrer(page: Page, site: Site) -> None:
    other = Site()
    try:
        page.goto(site.page("<flask-stream></flask-stream>", csp=""))
        page.evaluate(
            """async () => {
                 const { markdown } = await import("/static/flask-stream-markdown.js");
                 const element = document.querySelector("flask-stream");
                 element.start("/answer", { renderer: markdown({ images: true }) });
               }"""
        )
        text = f"![a]({other.url}/x.png) ![b](/y.png)"
        site.request("/answer").answer(text)
        for picture in [other.request("/x.png"), site.request("/y.png")]:
            assert picture.headers["Sec-Fetch-Dest"] == "image"
            assert picture.headers["Referer"] is None
            picture.begin(404, "text/plain").end()
    finally:
        other.close()


# That the tests can fail


@pytest.fixture
def careless(browser: Browser, site: Site) -> Iterator[Watch]:
    """A page where anything may happen."""
    page = browser.new_page()
    yield open_page(page, site, "")
    page.close()


def harmless(wrong: list[dict[str, str]], payloads: list[str]) -> list[str]:
    """Those that come to nothing but what an answer may be made of."""
    harmful = {each["text"] for each in wrong if not each["fault"].startswith("no ")}
    return [payload for payload in payloads if payload not in harmful]


def test_the_traps_are_there_for_what_is_taken_for_html(careless: Watch) -> None:
    page = careless.page
    wrong = run(page, "return await tools.write(...args, { count: 1, each: true })", HTML, "html")
    assert harmless(wrong, HTML) == []
    calls = {call.split(" in ", 1)[1] for call in run(page, "return tools.calls")}
    assert len(calls) > 40
    hosts = [request.url for request in careless.strangers() if "//evil.example" in request.url]
    assert len(hosts) > 10
    assert any(each.startswith("frame ") for each in careless.opened)


def test_the_traps_are_there_for_markdown_made_html_without_care(careless: Watch) -> None:
    if not SCRIPTS["marked"].exists():
        pytest.skip("no marked in js/node_modules: run «npm ci» in js/")
    page = careless.page
    wrong = run(
        page, "return await tools.write(...args, { count: 1, each: true })", MARKDOWN, "marked"
    )
    assert harmless(wrong, MARKDOWN) == []
    assert len(run(page, "return tools.calls")) > 20
    # Not clicked: some do lead away.
    links = [payload for payload in PAYLOADS if payload not in HTML + MARKDOWN + ODD]
    assert len(links) == len(URLS)
    script = "return await tools.write(...args, { count: 1, touched: false })"
    assert harmless(run(page, script, links, "marked"), links) == []


def test_what_a_strict_policy_forbids_is_reported(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    open_page(page, site, STRICT_CSP)
    [wrong] = run(page, "return await tools.write(['<b>'], 'html')")
    assert "TrustedHTML" in wrong["fault"]
    page.wait_for_function("violations.includes('require-trusted-types-for')")
    page.close()
