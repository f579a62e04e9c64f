"""docs/tasks.md: its files make an app, with a real Celery, a real RQ and a real Redis."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.conftest import ROOT
from tests.logs.redis_servers import redis_binary, running
from tests.provider import TEXT, Provider, told
from tests.resume.conftest import DEADLINE, events_of, eventually, said

pytestmark = pytest.mark.slow

DOC = (ROOT / "docs" / "tasks.md").read_text("utf-8")
FILES: dict[str, str] = {
    name: code
    for code, name in re.findall(
        r"^```\w+\n((?:# |<!-- )([\w/]+\.\w+).*?)^```", DOC, re.MULTILINE | re.DOTALL
    )
}
PROGRAMS = Path(sys.executable).parent  # celery's and rq's are beside Python's


@pytest.fixture
def folder(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All of its files, and what they need."""
    folder = tmp_path / "site"
    for name, code in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    provider.play(told("openai_chat"))
    with running(redis_binary(), tmp_path / "redis") as redis:
        monkeypatch.setenv("REDIS", f"redis://127.0.0.1:{redis.port}")
        monkeypatch.setenv("SECRET_KEY", "for the session")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.base}/v1")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.syspath_prepend(folder)
        yield folder


@pytest.fixture
def imported(folder: Path) -> Iterator[Callable[[str], Any]]:
    """Import one of them here, as gunicorn would."""
    modules = {Path(name).stem for name in FILES}
    yield __import__
    tasks = sys.modules["tasks"]
    tasks.app.extensions["flask_stream"].keeper(tasks.app).log.close()
    tasks.gpt.close()
    tasks.celery.close()
    for module in modules & sys.modules.keys():
        del sys.modules[module]


@contextmanager
def in_background(folder: Path, *command: str) -> Iterator[None]:
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)


@pytest.fixture
def worker(folder: Path) -> Iterator[None]:
    with in_background(folder, str(PROGRAMS / "celery"), "-A", "tasks:celery", "worker", "-c1"):
        yield


def ask_and_read(app: Flask, path: str) -> str:
    """What a reader's page says in the end; asked for from the beginning on."""
    reader = app.test_client()
    page = reader.post(path, data={"question": "Why?"}, follow_redirects=True)
    url = re.search(r'resume="([^"]+)"', page.text)
    assert url is not None
    answer = eventually(
        lambda: answer if (answer := reader.get(url[1])).status_code != 503 else None
    )
    assert app.test_client().get(url[1]).status_code == 404  # it is nobody else's
    return said(events_of(answer))


def test_all_snippets_are_tried() -> None:
    web = ["tasks.py", "web.py", "templates/page.html"]
    assert [*FILES] == [*web, "saving.py", "jobs.py", "commands.py"]
    assert DOC.count("```") == 2 * len(FILES)


@pytest.mark.usefixtures("worker")
def test_its_celery_task_answers(imported: Callable[[str], Any]) -> None:
    assert ask_and_read(imported("web").app, "/") == TEXT


def test_its_task_saves(imported: Callable[[str], Any]) -> None:
    saving = imported("saving")
    saving.answer_and_save(1, "Why?", "ann")
    assert saving.answers == {1: (TEXT, "complete")}


def test_its_rq_job_answers(folder: Path, imported: Callable[[str], Any]) -> None:
    jobs = imported("jobs")
    command = [str(PROGRAMS / "rq"), "worker", "--url", f"{os.environ['REDIS']}/2"]
    with in_background(folder, *command):
        assert ask_and_read(jobs.app, "/jobs") == TEXT
    jobs.queue.connection.close()


def test_its_command_answers(folder: Path, imported: Callable[[str], Any]) -> None:
    commands = imported("commands")
    app = commands.app
    app.add_url_rule("/1", "one", lambda: commands.stream.follow(key="answer:1"))
    command = [sys.executable, "-m", "flask", "--app", "commands", "answer", "Why?"]
    command += ["--user", "7", "--key", "answer:1"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert (done.stdout, done.returncode) == (f"complete: {TEXT}\n", 0), done.stderr
    reader = app.test_client()
    with reader.session_transaction() as session:
        session["user_id"] = "7"
    assert said(events_of(reader.get("/1"))) == TEXT


def test_its_commands_say_what_it_shows(imported: Callable[[str], Any]) -> None:
    runner = imported("web").app.test_cli_runner()
    assert runner.invoke(args=["stream", "runs"]).stdout == "No run is under way.\n"
    told = runner.invoke(args=["stream", "expire"]).stdout
    assert told.replace("0 runs", "12 runs").strip() in DOC


@pytest.mark.browser
@pytest.mark.usefixtures("worker")
def test_its_page_shows_the_words(
    imported: Callable[[str], Any], page: Page, serve: Callable[[Flask], str]
) -> None:
    page.goto(serve(imported("web").app))
    page.get_by_label("Your question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    page.locator("flask-stream[data-state=done]").wait_for()
    assert page.locator("flask-stream [data-stream=output]").inner_text() == TEXT
