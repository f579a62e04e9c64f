"""A client that means harm: requests that are none, or many, or slow, and answers nobody takes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from flask_stream.web import digest
from tests.hostile.http2 import Http2
from tests.hostile.provider import HostileProvider
from tests.hostile.registry import HEAD, Behaviour, Wait, chunked
from tests.hostile.speech import Speech
from tests.hostile.transport import whole
from tests.servers.client import DEADLINE, events_of
from tests.servers.nginx import nginx
from tests.servers.running import Server, matrix, running, until

pytestmark = pytest.mark.slow

PLACES = 8
SETTINGS = {
    "STREAM_MAX_CONCURRENT": PLACES,
    "STREAM_IDLE_SECONDS": 2,
    "STREAM_HEARTBEAT": 0.5,
    "STREAM_MAX_CHARACTERS": 100_000_000,  # which a flood takes seconds for
}
STREAM = "/sdk/openai_chat/"
# The same, but no idle limit ends it: its client does.
PATIENT = "/patient/openai_chat/"


def flood(s: Speech, n: int) -> Iterator[bytes | Wait]:
    """More words than all buffers hold between the provider and a client that reads none."""
    yield s.head
    for _ in range(2_400):
        yield s.text("x" * 40_000)
    yield s.tail


def nothing(s: Speech, n: int) -> Iterator[bytes | Wait]:
    """What gives no event, as fast as it is taken."""
    while True:
        yield b"data: {}\n\n" * 8_192


def comments(s: Speech, n: int) -> Iterator[bytes | Wait]:
    """What is no event at all."""
    yield s.head
    while True:
        yield b": x\n\n" * 8_192


def packed_nothing(s: Speech, n: int) -> Iterator[bytes | Wait]:
    """A gzip's head with a file's name that never ends: it unfolds to nothing."""
    yield HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08" + bytes(6)
    while True:
        yield b"x" * 65_536


def _silent(name: str, play: Callable[[Speech, int], Iterator[bytes | Wait]]) -> Behaviour:
    return Behaviour(name, play, endless=True, silent=True)


NOTHING = _silent("nothing", lambda s, n: chunked(nothing(s, n)))
COMMENTS = _silent("comments", lambda s, n: chunked(comments(s, n)))
PACKED_NOTHING = _silent("packed", packed_nothing)
SILENT = Behaviour("silent", lambda s, n: chunked([s.head, s.text("x"), Wait(is_long=True)]))
WHOLE = Behaviour("whole", lambda s, n: chunked([whole(s)]))
FLOOD = Behaviour("flood", lambda s, n: chunked(flood(s, n)))


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as provider:
        provider.behave = WHOLE
        provider.patience = DEADLINE
        yield provider


@pytest.fixture(scope="module", params=matrix("gunicorn gthread", "gunicorn gevent"))
def server(
    request: pytest.FixtureRequest,
    provider: HostileProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    arguments = ["--config=python:tests.servers.site_for_soak"]
    with running(request.param, provider.base, folder, SETTINGS, arguments) as server:
        yield server


@pytest.fixture(autouse=True)
def unharmed(server: Server, provider: HostileProvider) -> Iterator[None]:
    """After each of these tests, nothing is held, and the server answers as before."""
    provider.behave = WHOLE
    yield
    provider.behave = WHOLE
    until(lambda: not any(busy(server).values()), lambda: str(busy(server)))
    with ExitStack() as stack:  # every place is there again
        clients = [stack.enter_context(server.connect()) for _ in range(PLACES)]
        for client in clients:
            assert events_of(client.ask("POST", STREAM + "after").whole())[-1][0] == "done"
    assert "ERROR flask_stream" not in server.log, server.log


def busy(server: Server) -> dict[str, int]:
    """What is held. The watcher is not: it stays to log a flood of refusals by the minute."""
    with server.connect() as client:
        told: dict[str, int] = json.loads(client.ask("GET", "/busy").whole())
        del told["watchers"]
        return told


def raw(server: Server, data: bytes, *, fin: bool = False) -> bytes:
    """All that comes back for these bytes, until the server closes or has no more to say."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
        try:
            connection.sendall(data)
            if fin:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass
        return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    received = b""
    try:
        while more := connection.recv(65_536):
            received += more
    except (ConnectionError, TimeoutError):
        pass
    return received


def drain(connection: socket.socket) -> None:
    """Take all that comes, as fast as it does."""
    with suppress(ConnectionError, TimeoutError):
        while connection.recv(65_536):
            pass


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: t", "Connection: close", *lines]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


# -- headers ----------------------------------------------------------------------------------


def test_many_huge_accept_headers_are_cut_and_never_echoed(server: Server) -> None:
    lines = [f"Accept: {'x' * 8_000}/y;q=0.{i}" for i in range(90)]
    answer = raw(server, request("POST", STREAM + "accept", *lines))
    assert status_of(answer) in (200, 400, 406, 431), answer[:200]
    assert len(answer) < 10_000
    assert b"x" * 100 not in answer


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream;q=" + "9" * 2_000,
        "text/event-stream;format=" + "x" * 2_000,
        ",".join(f"a/{i}" for i in range(1_000)),
        'text/event-stream;a="' + "\\" * 2_000,
        "text/event-stream;" * 400,
        '"' * 4_000,
        "\x7f\x01\x80\xff",
    ],
    ids=["q", "format", "many", "quoted", "parameters", "quotes", "bytes"],
)
def test_an_accept_header_that_is_none_is_not_echoed(server: Server, accept: str) -> None:
    answer = raw(server, request("POST", STREAM + "accept", f"Accept: {accept}"))
    assert status_of(answer) in (200, 400, 406, 431), answer[:200]
    assert accept.encode("latin-1")[:100] not in body_of(answer)


@pytest.mark.parametrize("name", ["Last-Event-ID", "Idempotency-Key", "Origin", "X-CSRFToken"])
@pytest.mark.parametrize(
    "value", ["", "0", "x" * 7_000, "../../etc", '"><script>', "\xff\x80", "a.b.c"]
)
def test_a_header_that_we_know_with_nonsense_in_it_does_no_harm(
    server: Server, name: str, value: str
) -> None:
    answer = raw(server, request("POST", STREAM + "header", f"{name}: {value}"))
    assert status_of(answer) in (200, 204, 400, 403), answer[:200]
    assert b"<script>" not in answer


def test_a_reconnect_is_answered_so_that_no_cache_keeps_it(server: Server) -> None:
    answer = raw(server, request("GET", STREAM + "again", "Last-Event-ID: x"))
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert status_of(answer) == 204
    assert b"cache-control: no-store" in head
    assert b"last-event-id" in head.partition(b"vary:")[2].partition(b"\r\n")[0]


@pytest.mark.parametrize("count", [99, 200, 5_000])
def test_thousands_of_headers_are_refused_or_passed_over(server: Server, count: int) -> None:
    answer = raw(server, request("POST", STREAM + "many", *(f"X-{i}: y" for i in range(count))))
    assert status_of(answer) in (0, 200, 400, 431), answer[:200]


# -- methods and paths --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PRI", "PROPFIND", "X" * 19, "post"]
)
def test_a_method_that_a_route_has_not_asks_no_provider(
    server: Server, provider: HostileProvider, method: str
) -> None:
    before = len(provider.answers)
    answer = raw(server, request(method, STREAM + "method"))
    assert status_of(answer) in (400, 405, 501), answer[:200]
    assert len(provider.answers) == before


def test_head_and_options_ask_no_provider(server: Server, provider: HostileProvider) -> None:
    before = len(provider.answers)
    for method in ("HEAD", "OPTIONS"):
        answer = raw(server, request(method, STREAM + "head"))
        assert status_of(answer) == 200
        assert body_of(answer) == b""
    assert len(provider.answers) == before


NAMES = [
    *("../../__init__.py", "..%2f..%2f__init__.py", "%2e%2e/%2e%2e/sse.py", "....//sse.py"),
    *("flask-stream.js%00", "%00", "flask-stream.js/", "/etc/passwd", "%2fetc%2fpasswd", ""),
    *("FLASK-STREAM.JS", "flask-stream.js.map", "__pycache__", ".", "..", "con", "a" * 5_000),
    *("flask-stream.js;x", "flask-stream.js%20", "%ff", "\\..\\..\\sse.py", "~", "*", "%"),
]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_clients_files_are_served_below_static(server: Server, name: str) -> None:
    for version in (digest(), "0" * 16, "..", "%00", "x" * 1_000):
        answer = raw(server, request("GET", f"/_stream/static/{version}/{name}"))
        assert status_of(answer) in (0, 301, 308, 400, 404, 405, 414), (version, answer[:200])
        assert b"import" not in answer
        assert b"root:" not in answer
        assert b"immutable" not in answer


def test_a_file_of_another_version_is_kept_by_no_cache(server: Server) -> None:
    answer = raw(server, request("GET", "/_stream/static/0000000000000000/flask-stream.js"))
    assert status_of(answer) == 404
    assert b"no-store" in answer


@pytest.mark.parametrize(
    "path",
    ["//evil.test/", "/sdk/nobody/x", "/sdk/openai_chat/%0d%0aX-Evil:%201", "/" + "a" * 3_900],
)
def test_a_path_that_is_none_puts_nothing_into_the_answers_head(server: Server, path: str) -> None:
    answer = raw(server, request("POST", path))
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"\nx-evil" not in head
    assert b"evil.test" not in head


# -- connections --------------------------------------------------------------------------------


def test_requests_in_one_write_are_answered_one_after_the_other(server: Server) -> None:
    with server.connect() as client:
        one = request("POST", STREAM + "piped").replace(b"Connection: close\r\n", b"")
        client.socket.sendall(one * 5)
        for _ in range(5):
            events = events_of(client.head().whole(), comments=True)
            assert [kind for kind, _ in events if kind in ("start", "done")] == ["start", "done"]
        client.has_no_more()


def test_what_comes_behind_a_request_is_no_part_of_its_stream(server: Server) -> None:
    answer = raw(server, request("POST", STREAM + "behind") + b"event: done\ndata: {}\n\n" * 100)
    assert status_of(answer) == 200
    assert answer.count(b"event: done") == 1


def test_a_body_that_says_two_lengths_is_refused(server: Server) -> None:
    lines = ("Transfer-Encoding: chunked", "Transfer-Encoding: identity")
    answer = raw(server, request("POST", STREAM + "smuggled", *lines, body=b"0\r\n\r\n"))
    assert status_of(answer) in (0, 400, 501), answer[:200]


@pytest.mark.parametrize("sent", [b"", b"P", b"POST /", b"\x16\x03\x01\x02\x00", b"\0" * 500])
def test_a_connection_that_says_half_of_a_request_and_leaves_costs_nothing(
    server: Server, sent: bytes
) -> None:
    assert status_of(raw(server, sent, fin=True)) in (0, 400)


def test_bodies_that_never_come_hold_no_place_of_a_stream(server: Server) -> None:
    """On gthread each of them has a thread, if no proxy is in front; a place among the streams
    only once the view is called."""
    half = request("POST", STREAM + "slow", body=b"x" * 100)[:-50]
    with ExitStack() as stack:
        for _ in range(PLACES + 2):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(half)
        with server.connect() as client:
            assert client.ask("GET", "/hello").whole() == b"hello"


def test_a_client_that_closes_its_half_of_the_connection_gets_all_of_its_answer(
    server: Server,
) -> None:
    with server.connect() as client:
        client.send("POST", STREAM + "half")
        client.half_close()
        assert events_of(client.head().whole(), comments=True)[-1][0] == "done"


def test_clients_that_never_read_are_given_up(server: Server, provider: HostileProvider) -> None:
    provider.behave = FLOOD
    before = len(provider.answers)
    with ExitStack() as stack:
        for _ in range(PLACES):
            client = stack.enter_context(server.connect(receive_buffer=2_304))
            client.send("POST", STREAM + "unread")
        until(lambda: len(provider.answers) == before + PLACES, "the runs have not begun")
        until(lambda: busy(server)["runs"] == 0, lambda: f"{busy(server)}, {server.log[-2_000:]}")


@pytest.mark.parametrize(
    ("path", "fast"),
    [
        (PATIENT, NOTHING),
        (PATIENT, COMMENTS),
        (PATIENT, PACKED_NOTHING),
        (PATIENT, FLOOD),
        ("/patient-requests/openai_chat/", NOTHING),
        ("/patient-requests/openai_chat/", FLOOD),
    ],
    ids=["nothing", "comments", "packed", "words", "requests-nothing", "requests-words"],
)
def test_a_provider_that_always_has_more_to_say_stops_no_other_request(
    server: Server, provider: HostileProvider, path: str, fast: Behaviour
) -> None:
    """On gevent, a socket that is ready never hands over by itself."""
    provider.behave = fast
    before = len(provider.answers)
    with server.connect() as client:
        client.send("POST", path + "fast")
        reading = threading.Thread(target=drain, args=(client.socket,))
        reading.start()
        until(lambda: len(provider.answers) > before, "nobody has asked the provider")
        for number in range(10):
            with server.connect() as other:
                assert other.ask("GET", "/hello").whole() == b"hello"
            if number == 0 or fast is not FLOOD:  # which has an end
                assert not provider.answers[-1].over.is_set()
        with suppress(OSError):  # the server may have closed it
            client.socket.shutdown(socket.SHUT_RDWR)
        reading.join(DEADLINE)
        client.reset()  # a FIN alone, with its buffers full, would leave the server to wait


NEVER_WAIT = ["nothing", "unsaid", "deep", "goes-on"]
NEVER_WAIT += ["unheard", "unheard-async", "unheard-object"]


def test_code_of_the_apps_that_never_waits_has_its_limit(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in NEVER_WAIT]
        for client, name in zip(clients, NEVER_WAIT, strict=True):
            client.send("POST", f"/brief-{name}/x")
        for client in clients:
            body = client.head().whole()  # an HTTP error, where nothing had been sent
            assert b'"timeout"' in body
            assert b"event: done" not in body


@pytest.mark.parametrize("name", NEVER_WAIT)
def test_code_of_the_apps_that_never_waits_stops_no_other_request(
    server: Server, name: str
) -> None:
    with server.connect() as client:
        client.send("POST", f"/{name}/x")
        until(lambda: busy(server)["runs"] == 1, lambda: server.log)
        with server.connect() as other:
            assert other.ask("GET", "/hello").whole() == b"hello"


def test_one_more_than_there_are_places_is_told_to_come_back(
    server: Server, provider: HostileProvider
) -> None:
    provider.behave = SILENT
    with ExitStack() as stack:
        for _ in range(PLACES):
            client = stack.enter_context(server.connect())
            assert client.ask("POST", PATIENT + "full").status == 200
        for _ in range(50):
            with server.connect() as one_more:
                assert one_more.ask("POST", STREAM + "full").status == 503
                assert one_more.headers["cache-control"] == "no-store"
                assert int(one_more.headers["retry-after"]) > 0
                one_more.whole()
    # A flood of these is one line of the log a minute, with a count, and not one each.
    assert server.log.count("overloaded") < 20


# -- through nginx, by HTTP/2 ---------------------------------------------------------------


@pytest.fixture
def h2(server: Server, tmp_path: Path) -> Iterator[Http2]:
    location = f"proxy_http_version 1.1; proxy_pass http://127.0.0.1:{server.port};"
    with nginx(tmp_path, location, parameter="http2") as port, Http2(port) as client:
        yield client


def test_streams_that_are_reset_as_soon_as_they_are_asked_for_leave_nothing(
    h2: Http2, provider: HostileProvider
) -> None:
    for _ in range(100):
        h2.reset(h2.ask("POST", STREAM + "reset", {"content-length": "0"}))
    body, is_whole = h2.answer(h2.ask("GET", "/hello"))
    assert (body, is_whole) in [(b"hello", True), (b"", False)]  # or nginx has had enough of it


def test_a_hundred_streams_of_one_connection_are_answered_or_told_to_come_back(h2: Http2) -> None:
    asked = [h2.ask("POST", STREAM + "wide", {"content-length": "0"}) for _ in range(100)]
    body, is_whole = h2.answer(asked[-1])
    assert is_whole
    assert events_of(body)[-1][0] == "done" if h2.status == 200 else h2.status == 503


def test_a_client_that_leaves_by_http_2_ends_its_run(
    h2: Http2, server: Server, provider: HostileProvider
) -> None:
    provider.behave = SILENT
    before = len(provider.answers)
    stream = h2.ask("POST", PATIENT + "leaves", {"content-length": "0"})
    until(lambda: len(provider.answers) > before, "nobody has asked the provider")
    h2.reset(stream)
    until(lambda: provider.answers[-1].over.is_set(), "the provider was not let go")
    assert provider.answers[-1].left


def test_a_client_that_does_not_open_its_window_is_given_up(
    server: Server, provider: HostileProvider, tmp_path: Path
) -> None:
    """nginx keeps what is not taken, and stops reading: then nobody takes what the app sends."""
    provider.behave = FLOOD
    location = f"proxy_http_version 1.1; proxy_pass http://127.0.0.1:{server.port};"
    timeout = "send_timeout 2s;"
    before = len(provider.answers)
    with (
        nginx(tmp_path, location, http=timeout, parameter="http2") as port,
        Http2(port, window=0) as client,
    ):
        client.ask("POST", STREAM + "window", {"content-length": "0"})
        until(lambda: len(provider.answers) > before, "nobody has asked the provider")
        until(lambda: busy(server)["runs"] == 0, lambda: str(busy(server)))
