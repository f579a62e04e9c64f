"""A run that is written where no request is: in a task, a command, another process."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_stream import ConfigurationError, Data, SourceError, StreamFailed
from tests.conftest import ROOT
from tests.resume.conftest import DEADLINE, ResumableSite, events_of, eventually, is_ending, said


def follow(site: ResumableSite, key: str, owner: str = "ann") -> list[Any]:
    """What a reader of the web app gets of the run with that key, once there is one."""
    site.app.add_url_rule("/page", "page", lambda: {"run": site.stream.active(key)})
    headers = {"User": owner}
    reader = site.reader()
    _, url = eventually(lambda: reader.get("/page", headers=headers).get_json()["run"])
    return events_of(reader.get(url, headers=headers))


@pytest.fixture
def owned(site: ResumableSite) -> ResumableSite:
    from flask import request

    site.stream.owner(lambda: request.headers.get("User"))
    return site


def test_what_a_task_publishes_the_web_app_follows(owned: ResumableSite) -> None:
    may_go_on = threading.Event()
    results: list[Any] = []

    def source() -> Iterator[Any]:
        yield "Hello "
        assert may_go_on.wait(DEADLINE)
        yield Data("part", 1)
        yield "there."

    def task() -> None:
        with owned.app.app_context():
            results.append(
                owned.stream.publish(source(), owner="ann", key="job", on_finish=results.append)
            )

    thread = threading.Thread(target=task)
    thread.start()
    answers: list[Any] = []
    following = threading.Thread(target=lambda: answers.extend(follow(owned, "job")))
    following.start()
    keeper = owned.app.extensions["flask_stream"].keeper(owned.app)
    eventually(lambda: sum(keeper._reader.counts().values()))
    may_go_on.set()
    thread.join(DEADLINE)
    following.join(DEADLINE)
    assert said(answers) == "Hello there."
    assert [event.kind for event in answers][-2:] == ["text", "done"]
    assert [(result.outcome, result.text) for result in results] == [
        ("complete", "Hello there.")
    ] * 2


def test_what_fails_is_told_to_who_follows(owned: ResumableSite) -> None:
    def source() -> Iterator[str]:
        raise StreamFailed("Quota used up", error_code="quota")
        yield ""

    with owned.app.app_context():
        result = owned.stream.publish(source(), owner="ann", key="job")
    assert (result.outcome, result.error.code) == ("failed", "quota")
    keeper = owned.app.extensions["flask_stream"].keeper(owned.app)
    events = events_of(owned.reader().get(f"/_stream/{result.id}", headers={"User": "ann"}))
    assert [event.kind for event in events] == ["start", "failed"]
    assert keeper.log.alive() == []


def test_a_reader_stops_it(owned: ResumableSite) -> None:
    may_go_on = threading.Event()
    results: list[Any] = []

    def source() -> Iterator[str]:
        yield "Hello "
        assert may_go_on.wait(DEADLINE)
        yield "there."

    def task() -> None:
        with owned.app.app_context():
            results.append(owned.stream.publish(source(), owner="ann", key="job"))

    thread = threading.Thread(target=task)
    thread.start()
    keeper = owned.app.extensions["flask_stream"].keeper(owned.app)
    [state] = eventually(lambda: [state for state in keeper.log.alive() if state.last >= 2])
    assert owned.reader().post(f"/_stream/{state.id}/stop").status_code == 404
    headers = {"User": "ann"}
    assert owned.reader().post(f"/_stream/{state.id}/stop", headers=headers).status_code == 204
    eventually(lambda: is_ending(owned))
    may_go_on.set()
    thread.join(DEADLINE)
    assert [(result.outcome, result.text) for result in results] == [("stopped", "Hello ")]


@pytest.mark.parametrize("source", ["text", None, 5, {"a": 1}, Data("a", 1)])
def test_what_is_no_stream_is_told(owned: ResumableSite, source: Any) -> None:
    with owned.app.app_context(), pytest.raises(SourceError, match=r"publish\(\) was given"):
        owned.stream.publish(source, owner="ann")


@pytest.mark.parametrize("owner", [None, "", 5])
def test_an_owner_that_is_none_is_told(owned: ResumableSite, owner: Any) -> None:
    with owned.app.app_context(), pytest.raises(ValueError, match="current_owner"):
        owned.stream.publish(["a"], owner=owner)


@pytest.mark.parametrize("key", ["STREAM_LOG_URL", "STREAM_TTL"])
def test_a_value_that_was_set_since_init_app_is_told(owned: ResumableSite, key: str) -> None:
    owned.app.config[key] = "mysql://runs"
    with owned.app.app_context(), pytest.raises(ConfigurationError, match=key):
        owned.stream.publish(["a"], owner="ann")


def test_a_task_gets_the_owner_from_its_request(site: ResumableSite) -> None:
    site.app.add_url_rule("/me", "me", lambda: site.stream.current_owner())
    reader = site.reader()
    owner = reader.get("/me").text
    with site.app.app_context():
        result = site.stream.publish(["Hello"], owner=owner)
    assert said(events_of(reader.get(f"/_stream/{result.id}"))) == "Hello"
    assert site.reader().get(f"/_stream/{result.id}").status_code == 404


def test_another_process_publishes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runs.sqlite3'}"
    script = f"""
        from flask import Flask
        from flask_stream import FlaskStream

        app = Flask(__name__)
        app.config["STREAM_LOG_URL"] = {url!r}
        stream = FlaskStream(app)
        with app.app_context():
            print(stream.publish(iter(["Hello ", "there."]), owner="ann", key="job").outcome)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("complete\n", "")
    site = ResumableSite(url)
    site.stream.owner(lambda: "ann")
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    id = keeper.log.newest("ann", "job")
    assert said(events_of(site.reader().get(f"/_stream/{id}"))) == "Hello there."


INTERRUPTED = """
    import sys, time
    from flask import Flask
    from flask_stream import FlaskStream

    app = Flask(__name__)
    app.config.update(STREAM_LOG_URL=sys.argv[1], STREAM_LEASE_SECONDS=10_000)
    stream = FlaskStream(app)

    def words():
        while True:
            yield "word "
            time.sleep(0.02)

    with app.app_context():
        stream.publish(words(), owner="ann", key="job", on_finish=lambda r: print(r.outcome))
"""


def test_a_command_that_is_interrupted_tells_its_readers_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runs.sqlite3'}"
    site = ResumableSite(url)
    site.stream.owner(lambda: "ann")
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED), url]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    try:
        log = site.app.extensions["flask_stream"].keeper(site.app).log
        [state] = eventually(lambda: [state for state in log.alive() if state.last >= 2])
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
        process.communicate()
    assert out == "disconnected\n"
    assert error.endswith("KeyboardInterrupt\n")
    [*_, end] = events_of(site.reader().get(f"/_stream/{state.id}"))
    assert (end.kind, end.data["code"], end.data["retryable"]) == ("failed", "interrupted", True)
