"""The bench of servers measures what it says; how fast anything is, it alone says."""

from __future__ import annotations

import json
import math
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.server import stamps
from bench.server.contenders import PATHS, Contender, Server, contenders, serving
from bench.server.measure import Load, figures, provider, told
from bench.server.pace import Pace
from bench.server.page import ROUND_TRIP, far_provider
from bench.server.processes import ROOT
from bench.server.reader import Stream, quantile
from bench.server.results import Results, ratio
from bench.server.tables import report
from bench.server.targets import verdicts
from bench.server.wires import CHAT, WIRES

WORDS, STREAMS = 20, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with provider(folder) as port:
        yield port


@pytest.fixture(scope="module")
def floor(port: int, folder: Path) -> Iterator[Server]:
    with serving(contender("floor", folder), f"http://127.0.0.1:{port}", folder) as server:
        yield server


@pytest.fixture(scope="module")
def ours(port: int, folder: Path) -> Iterator[Server]:
    with serving(contender("ours, gthread", folder), f"http://127.0.0.1:{port}", folder) as server:
        yield server


def contender(name: str, folder: Path) -> Contender:
    [found] = [each for each in contenders(None, folder) if each.name == name]
    return found


@pytest.mark.parametrize("name", ["floor", "ours"])
def test_every_word_of_every_stream_is_read_and_paid_for(
    name: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(name)
    for wire in PATHS:
        read = told(server, wire, Load("paced", Pace(WORDS, 200), STREAMS, STREAMS))
        assert read.words == STREAMS * WORDS
        assert (read.streams, read.dropped) == (STREAMS, 0)
        assert len(read.over) == len(read.waits) == STREAMS
        assert 0 < read.p50 <= read.p99 < 10_000
        assert 0 < read.processor < 60
        # A word takes as many bytes as its stamp, at least; and its frame, at most.
        assert stamps.LENGTH < read.bytes / read.words < 1000


def test_all_words_at_once_are_measured_from_before_the_first_stream(floor: Server) -> None:
    found = figures(floor, CHAT, Load("at once", Pace(WORDS, 0), STREAMS, 2), idle=0.0)
    assert found.dropped == 0
    assert found.token > 0
    assert found.stream == pytest.approx(found.token * WORDS / 1000)


def test_a_window_leaves_out_what_was_before_it_and_cuts_what_comes_behind(floor: Server) -> None:
    load = Load("window", Pace(100_000, 100), STREAMS, STREAMS, window=0.3)
    read = told(floor, CHAT, load)
    assert 0 < read.words < 1000 * STREAMS
    assert 0.3 <= read.seconds < 10
    assert read.dropped == 0


def test_streams_that_end_too_early_are_counted_as_dropped(floor: Server) -> None:
    """As those of a server that dies do: here one word more is expected than it says."""
    task = {"port": floor.port, "path": "/chat?model=3x0", "words": 4, "streams": 2, "together": 1}
    command = [sys.executable, "-m", "bench.server.reader", json.dumps(task)]
    found = json.loads(subprocess.check_output(command, cwd=ROOT, timeout=60))
    assert (found["words"], found["dropped"]) == (6, 2)


def test_an_answer_that_is_no_stream_is_an_error_of_the_reader(ours: Server) -> None:
    task = {
        "port": ours.port,
        "path": "/nowhere?model=1x0",
        "words": 1,
        "streams": 1,
        "together": 1,
    }
    reader = subprocess.run(
        [sys.executable, "-m", "bench.server.reader", json.dumps(task)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "no stream, but: b'HTTP/1.1 404" in reader.stderr


def test_a_stamp_is_found_once_wherever_the_bytes_are_cut() -> None:
    first, second = stamps.first_word(5, 8), stamps.word(9)
    data = f'HTTP/1.1 200 OK\r\n\r\n{{"text": "{first}"}}{{"text": "{second}"}}'.encode()
    for cut in range(len(data) + 1):
        stream = Stream.__new__(Stream)
        stream.opened, stream.begun, stream.words, stream._rest = 0, None, 0, b""
        sent = [*stream.words_in(data[:cut], 10), *stream.words_in(data[cut:], 10)]
        assert sent == [8, 9]
        assert stream.begun == ((10 - 3) / 1000, 10 / 1000)


def test_frames_of_the_provider_are_json_whatever_is_filled_in() -> None:
    for wire in WIRES.values():
        filled = {b"text": b"word", b"number": 7}
        for frames in (wire.head % filled, wire.word % filled, wire.tail % filled):
            for line in frames.splitlines():
                if line.startswith(b"data: {"):
                    json.loads(line[6:])
        assert b"word" in wire.word % filled


def test_the_far_provider_is_a_round_trip_and_a_handshake_away(port: int, folder: Path) -> None:
    body = json.dumps({"model": str(Pace(1, 0))}).encode()
    with far_provider(port, folder) as (_, address, trusted):
        host, _, link = address.removeprefix("https://").partition(":")
        context = ssl.create_default_context(cafile=trusted)
        begun = stamps.now()
        with (
            socket.create_connection((host, int(link))) as plain,
            context.wrap_socket(plain, server_hostname=host) as sock,
        ):
            sock.sendall(b"POST /v1/messages HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body))
            sock.sendall(body)
            answer = b""
            while b"message_stop" not in answer:
                answer += sock.recv(65536)
        # Connecting, TLS, and the request itself.
        assert stamps.now() - begun >= 3 * ROUND_TRIP * 1000


def test_another_checkouts_package_is_what_its_contender_runs(tmp_path: Path, port: int) -> None:
    (tmp_path / "flask_stream").mkdir()
    (tmp_path / "flask_stream" / "__init__.py").write_text("raise SystemExit('the other one')")
    with pytest.raises(AssertionError, match="has no flask_stream"):
        contenders(tmp_path / "nowhere", tmp_path)
    [before, _] = [
        each for each in contenders(tmp_path, tmp_path) if each.name.startswith("ours before")
    ]
    command = [sys.executable, "-c", "import flask_stream"]
    environment = {**before.environment, "PROVIDER": f"http://127.0.0.1:{port}"}
    done = subprocess.run(
        command, cwd=tmp_path / "before", env=environment, capture_output=True, text=True
    )
    assert "the other one" in done.stderr


# -- what is read out of the figures --------------------------------------------------------------


def rounds(**figures: list[float]) -> list[dict[str, float] | None]:
    zeros = dict.fromkeys(("token", "stream", "p50", "p99", "first", "bytes", "dropped"), 0.0)
    return [
        {**zeros, **dict(zip(figures, each, strict=True))}
        for each in zip(*figures.values(), strict=True)
    ]


def results(price: float, late: float = 0.0) -> Results:
    compared = {"ours, gthread": "by hand, gthread", "by hand, gthread": "by hand, gthread"}
    found = Results("a machine", {"Python": "3"}, 2, 1.0, False, compared, {"AI SDK": "no Node"})
    found.load = [0.0, 0.0]
    ours = rounds(token=[100 * price, 200 * price], p99=[10 + late, 20 + late])
    theirs = rounds(token=[100, 200], p99=[10, 20])
    found.loads = {"40": {CHAT: {"ours, gthread": ours, "by hand, gthread": theirs}}}
    return found


def test_a_ratio_is_of_the_same_round_and_leaves_out_those_that_one_could_not_do() -> None:
    found = ratio(
        [{"token": 10}, None, {"token": 60}], [{"token": 20}, {"token": 1}, {"token": 100}], "token"
    )
    assert (found.middle, found.least, found.most) == pytest.approx((0.55, 0.5, 0.6))
    assert math.isnan(ratio([None], [{"token": 1}], "token").middle)


def test_a_target_is_met_or_missed_by_the_middle_of_the_rounds() -> None:
    assert all(verdict.met for verdict in verdicts(results(0.4)))
    missed = [str(verdict) for verdict in verdicts(results(0.6, late=9)) if not verdict.met]
    assert [line.partition("  ")[0] for line in missed] == ["MISSED", "MISSED"]
    assert "at most 0.50 x by hand's: 0.60 (0.60 to 0.60)" in missed[0]
    assert "delay p99" in missed[1]


def test_the_report_names_who_is_absent_and_what_is_missed_first() -> None:
    text = report(results(0.6))
    assert "AI SDK did not take part: no Node." in text
    assert "| openai chat | ours, gthread | 90 | " in text
    assert text.index("| Missed |") < text.index("| Met |")


def test_figures_that_are_kept_are_those_that_are_read(tmp_path: Path) -> None:
    found = results(0.4)
    found.save(tmp_path / "figures.json")
    assert Results.load_from(tmp_path / "figures.json") == found
    command = [sys.executable, "-m", "bench.server", "--read", str(tmp_path / "figures.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == report(found) + "\n"


def test_a_quantile_of_nothing_is_no_number() -> None:
    assert quantile([1, 2, 3, 4, 100], 0.5) == 3
    assert quantile([1, 2], 0.99) == 2
    assert math.isnan(quantile([], 0.5))
