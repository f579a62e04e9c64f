"""`bridge`: an async stream in sync code, and what becomes of its task."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from flask import request, session

from flask_stream import (
    FlaskStreamError,
    ProviderError,
    Result,
    SourceError,
    StreamFailed,
    bridge,
    relay,
)
from tests.conftest import ROOT, Site, said
from tests.other_loops import in_another_loop
from tests.our_loop import on_our_loop
from tests.servers.client import DEADLINE
from tests.servers.running import until


class Stream:
    """Numbers, then what a test says; notes what becomes of it."""

    def __init__(self, count: int = 3, then: BaseException | str | None = None) -> None:
        self.given = 0
        self.at_end = threading.Event()
        self.waits = threading.Event()
        self._count = count
        self._then = then

    async def __call__(self) -> AsyncIterator[int]:
        try:
            for number in range(self._count):
                self.given += 1
                yield number
                await asyncio.sleep(0)
            if self._then == "silence":
                self.waits.set()
                await asyncio.Event().wait()
            elif isinstance(self._then, BaseException):
                raise self._then
        finally:
            await asyncio.sleep(0)  # it may take its time to clean up
            self.at_end.set()


async def giving(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@asynccontextmanager
async def entered(value: Any, left: list[str]) -> AsyncIterator[Any]:
    try:
        yield value
    finally:
        left.append("left")


def tasks() -> set[asyncio.Task[Any]]:
    """Those that the loop has."""

    async def all_tasks() -> set[asyncio.Task[Any]]:
        current = asyncio.current_task()
        return {task for task in asyncio.all_tasks() if task is not current}

    found: set[asyncio.Task[Any]] = on_our_loop(all_tasks())
    return found


@pytest.fixture(autouse=True)
def no_task_is_left() -> Iterator[None]:
    yield
    until = threading.Event()
    for _ in range(1000):
        if not (left := tasks()):
            return
        until.wait(0.01)
    raise AssertionError(left)


# -- what it takes and gives ----------------------------------------------------------------


def test_all_items_come_in_order_and_then_no_more() -> None:
    stream = Stream(1000)
    items = bridge(stream())
    assert [*items] == [*range(1000)]
    assert [*items] == []
    assert stream.at_end.is_set()


class Iterable:
    """An async iterable that is no generator."""

    def __aiter__(self) -> AsyncIterator[int]:
        return Stream()()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stream()(),
        Iterable,
        lambda: giving(Stream()()),
        lambda: giving(Iterable()),
        lambda: entered(Stream()(), []),
        lambda: giving(entered(Iterable(), [])),
    ],
    ids=["generator", "iterable", "coroutine", "coroutine of iterable", "manager", "all of it"],
)
def test_what_is_or_gives_an_async_iterable_is_read(make: Callable[[], Any]) -> None:
    assert [*bridge(make())] == [0, 1, 2]


def test_a_manager_is_left_at_the_end_and_where_its_reader_leaves() -> None:
    left: list[str] = []
    assert [*bridge(entered(Stream()(), left))] == [0, 1, 2]
    assert left == ["left"]
    items = bridge(entered(Stream(1, "silence")(), left))
    assert next(items) == 0
    items.close()
    assert left == ["left", "left"]


@pytest.mark.parametrize("value", ["text", ["a list"], 1, iter(()), None, len])
def test_what_is_not_async_needs_no_bridge(value: Any) -> None:
    with pytest.raises(SourceError, match=r"bridge\(\) was given .*, which is no async stream"):
        bridge(value)


def test_a_manager_that_gives_itself_is_told_and_entered_once() -> None:
    class Client:
        entered = 0

        async def __aenter__(self) -> Client:
            self.entered += 1
            return self

        async def __aexit__(self, *exc: object) -> None:
            pass

    for read in (lambda client: [*bridge(client)], lambda client: [*relay(client)]):
        client = Client()
        with pytest.raises(SourceError, match="a Client gives itself"):
            read(client)
        assert client.entered == 1


def test_a_coroutine_that_gives_no_stream_is_told() -> None:
    with pytest.raises(SourceError, match=r"gave an int, which is no async stream"):
        next(bridge(giving(7)))


def in_a_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        timeout=DEADLINE,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_forks_child_has_a_loop_of_its_own() -> None:
    """As of gunicorn's workers, where the app was loaded before they were forked."""
    code = (
        "import os; from flask_stream import bridge; from tests.test_bridge import Stream\n"
        "assert [*bridge(Stream()())] == [0, 1, 2]\n"
        "child = os.fork()\n"
        "assert [*bridge(Stream()())] == [0, 1, 2]\n"
        "assert child == 0 or os.waitpid(child, 0)[1] == 0"
    )
    done = in_a_process(code)
    assert done.returncode == 0, done.stderr


def test_as_the_process_exits_its_finally_runs_and_its_reader_is_told() -> None:
    code = (
        "import atexit, threading; from flask_stream import RunError, bridge\n"
        "from tests.test_bridge import Stream\n"
        "class Told(Stream):\n"
        "    async def __call__(self):\n"
        "        try:\n"
        "            async for number in super().__call__(): yield number\n"
        "        finally:\n"
        "            print('finally')\n"
        "def read():\n"
        "    try: [*items]\n"
        "    except RunError as error: print(error.error_code)\n"
        "atexit.register(lambda: reader.join(30))\n"  # what is registered first is called last
        "kept = bridge(Told(1, 'silence')())\n"
        "assert next(kept) == 0\n"
        "stream = Stream(1, 'silence')\n"
        "items = bridge(stream())\n"
        "reader = threading.Thread(target=read, daemon=True)\n"
        "reader.start()\n"
        "assert stream.waits.wait(30)\n"
        "raise SystemExit(4)"
    )
    done = in_a_process(code)
    assert (sorted(done.stdout.split()), done.stderr, done.returncode) == (
        ["finally", "shutdown"],
        "",
        4,
    )


def test_a_loop_that_cannot_go_on_ends_and_does_not_fill_the_log() -> None:
    code = (
        "import threading; from flask_stream.event_loop import loop_thread\n"
        "died = threading.Event()\n"
        "threading.excepthook = lambda told: died.set()\n"
        "loop = loop_thread().loop()\n"
        "loop.call_soon_threadsafe(loop._selector.close)\n"
        "assert died.wait(10)"
    )
    done = in_a_process(code)
    assert (done.stderr, done.returncode) == ("", 0)


def test_under_gevent_a_process_ends_whose_streams_have_called_what_blocks() -> None:
    code = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import asyncio; from flask_stream import bridge\n"
        "async def calling():\n"
        "    yield await asyncio.to_thread(int, '7')\n"
        "    try: await asyncio.to_thread(int, 'seven')\n"
        "    except ValueError: yield 8\n"
        "    await asyncio.sleep(0.1)\n"  # so that what was called waits for more
        "assert [*bridge(calling())] == [7, 8]"
    )
    done = in_a_process(code)
    assert done.returncode == 0, done.stderr


# -- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("mine"), KeyError("x"), SystemExit(3)])
def test_an_exception_comes_out_as_it_is_behind_what_came_before(error: BaseException) -> None:
    items = bridge(Stream(2, error)())
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(type(error)) as raised:
        next(items)
    assert raised.value is error
    frames = traceback.extract_tb(raised.value.__traceback__)
    assert "__call__" in [frame.name for frame in frames]
    assert [*items] == []


def test_what_would_be_taken_for_an_end_is_an_error() -> None:
    class Broken:
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> int:
            raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="was cancelled, and not by its reader"):
        next(bridge(Broken()))


@pytest.mark.parametrize("ends", ["its task", "its callback", "the loop"])
def test_one_that_would_end_the_loop_ends_no_other(
    ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def ending() -> AsyncIterator[int]:
        async def leave() -> None:
            sys.exit(3)

        loop = asyncio.get_running_loop()
        if ends == "its task":
            await loop.create_task(leave())
        loop.call_soon(sys.exit if ends == "its callback" else loop.stop)
        await asyncio.sleep(0.01)
        yield 0

    other = Stream(1, "silence")
    items = bridge(other())
    assert next(items) == 0
    if ends == "its task":
        with pytest.raises(SystemExit):
            next(bridge(ending()))
    else:
        assert [*bridge(ending())] == [0]
    items.close()
    assert other.at_end.is_set()
    assert [*bridge(Stream(1)())] == [0]
    assert "event loop of all async streams was ended by one of them" in caplog.text


def test_a_stream_of_another_loop_is_told_what_to_do() -> None:
    queue: Any = None

    async def make() -> Any:
        nonlocal queue
        queue = asyncio.Queue()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(queue.get(), 0.01)

    in_another_loop(make())

    async def read() -> AsyncIterator[int]:
        yield await queue.get()

    with pytest.raises(SourceError, match=r"belongs to another event loop.*un-awaited"):
        next(bridge(read()))


def test_reading_it_on_the_loop_is_told_and_does_not_wait_for_itself() -> None:
    async def read() -> AsyncIterator[int]:
        for number in bridge(Stream()()):
            yield number

    with pytest.raises(FlaskStreamError, match=r"would wait for itself.*async for"):
        next(bridge(read()))


# -- leaving --------------------------------------------------------------------------------


def test_closing_cancels_it_and_its_finally_has_run() -> None:
    stream = Stream(1, "silence")
    items = bridge(stream())
    assert next(items) == 0
    assert stream.waits.wait(DEADLINE)
    items.close()
    assert stream.at_end.is_set()
    items.close()
    assert [*items] == []


def test_its_clean_up_is_not_cancelled_where_it_is_closed_again() -> None:
    cleans, go_on, is_clean = threading.Event(), threading.Event(), threading.Event()

    async def slow_to_clean() -> AsyncIterator[int]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            cleans.set()
            while not go_on.is_set():
                await asyncio.sleep(0.001)
            is_clean.set()

    items = bridge(slow_to_clean())
    assert next(items) == 0
    items.cancel()
    assert cleans.wait(DEADLINE)
    items.cancel()
    threading.Timer(0.05, go_on.set).start()
    items.close()
    assert is_clean.wait(DEADLINE)


def test_the_clean_up_of_one_that_is_not_silent_is_not_cancelled() -> None:
    """Its task may see that its reader has left before it is cancelled for that."""
    for _ in range(50):
        is_clean = threading.Event()

        async def speaking(is_clean: threading.Event = is_clean) -> AsyncIterator[int]:
            try:
                while True:
                    yield 0
                    await asyncio.sleep(0)
            finally:
                await asyncio.sleep(0.001)
                is_clean.set()

        items = bridge(speaking())
        assert next(items) == 0
        items.close()
        assert is_clean.wait(DEADLINE)


@pytest.mark.parametrize("reads", ["one", "all that come"])
def test_one_that_is_not_silent_is_cancelled_and_not_only_closed(reads: str) -> None:
    """As LangGraph's: where it is closed, it waits until its nodes have come to their end."""
    for _ in range(20):
        has_ended = threading.Event()

        async def speaking(has_ended: threading.Event = has_ended) -> AsyncIterator[int]:
            node = asyncio.ensure_future(asyncio.Event().wait())
            try:
                while True:
                    yield 0
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                node.cancel()
                raise
            finally:
                await asyncio.wait([node])
                has_ended.set()

        items = bridge(speaking())
        for _ in range(1 if reads == "one" else 300):  # with one, it waits for room by now
            assert next(items) == 0
        items.close()
        assert has_ended.is_set()


def test_one_that_neither_waits_nor_hears_is_closed() -> None:
    """Nothing of its own is waited for, or what it was cancelled for is passed over."""
    for is_deaf in (False, True):
        left: list[int] = []

        async def speaking(is_deaf: bool = is_deaf, left: list[int] = left) -> AsyncIterator[int]:
            try:
                while True:
                    yield 0
                    if is_deaf:
                        with suppress(asyncio.CancelledError):
                            await asyncio.sleep(0)
            finally:
                await asyncio.sleep(0.001)
                left.append(1)

        items = bridge(speaking())
        assert next(items) == 0
        items.close()
        assert left == [1]


def test_what_it_says_once_it_is_cancelled_cancels_it_no_second_time() -> None:
    is_clean = threading.Event()

    async def last_words() -> AsyncIterator[int]:
        try:
            yield 0
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield 1
        finally:
            await asyncio.sleep(0.001)
            is_clean.set()

    items = bridge(last_words())
    assert next(items) == 0
    items.close()
    assert is_clean.wait(DEADLINE)


def test_dropping_it_cancels_it() -> None:
    stream = Stream(1, "silence")
    for _ in bridge(stream()):
        break
    assert stream.at_end.wait(DEADLINE)


def test_dropped_unread_it_leaves_nothing_and_no_warning() -> None:
    left: list[str] = []
    bridge(giving(Stream()()))
    bridge(Stream()())
    bridge(entered(Stream()(), left)).close()
    gc.collect()
    assert left == []


def test_another_thread_wakes_its_reader() -> None:
    stream = Stream(1, "silence")
    items = bridge(stream())
    assert next(items) == 0
    threading.Thread(target=lambda: (stream.waits.wait(DEADLINE), items.cancel())).start()
    assert [*items] == []
    assert stream.at_end.wait(DEADLINE)


def test_a_task_that_does_not_end_is_told_in_the_log_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_stream.bridging._GRACE_SECONDS", 0.05)
    go_on = threading.Event()

    async def stubborn() -> AsyncIterator[int]:
        yield 0
        while not go_on.is_set():
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                pass

    items = bridge(stubborn())
    assert next(items) == 0
    items.close()
    items.close()
    go_on.set()
    (record,) = caplog.records
    assert "stubborn was cancelled, and has not ended within 0.05 s" in record.message


def test_who_closes_it_while_another_thread_reads_is_woken_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a run that ends while a thread of its channel's reads a bridge."""
    monkeypatch.setattr("flask_stream.bridging._GRACE_SECONDS", 10 * DEADLINE)
    cleans, go_on = threading.Event(), threading.Event()

    async def slow_to_clean() -> AsyncIterator[int]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            cleans.set()
            await asyncio.to_thread(go_on.wait, DEADLINE)

    items = bridge(slow_to_clean())
    assert next(items) == 0
    reading = threading.Thread(target=lambda: [*items])
    closing = threading.Thread(target=items.close)
    reading.start()
    until(lambda: items._handover._reader is not None, "nobody waits for the next item")
    closing.start()
    assert cleans.wait(DEADLINE)
    reading.join(DEADLINE)
    go_on.set()
    closing.join(DEADLINE)
    assert not closing.is_alive()


def test_a_task_group_whose_reader_leaves_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """One that is closed has a group of a GeneratorExit to say for it."""
    is_clean = threading.Event()

    async def in_group() -> AsyncIterator[int]:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            try:
                while True:
                    yield 0
            finally:
                is_clean.set()

    items = bridge(in_group())
    assert next(items) == 0
    items.close()
    assert is_clean.wait(DEADLINE)
    assert caplog.text == ""


def test_what_its_clean_up_raises_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def failing() -> AsyncIterator[int]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            raise ValueError("while cleaning up")

    items = bridge(failing())
    assert next(items) == 0
    items.close()
    (record,) = caplog.records
    assert (record.levelno, "failing failed as it was cancelled" in record.message) == (
        logging.ERROR,
        True,
    )


def test_it_is_some_items_ahead_of_its_reader_and_no_more() -> None:
    stream = Stream(100_000)
    items = bridge(stream())
    for number in range(200):
        assert next(items) == number
        assert stream.given <= number + 1 + 128
    items.close()
    assert stream.given < 1000


def test_all_that_is_there_is_one_batch() -> None:
    ready = threading.Event()

    async def burst() -> AsyncIterator[int]:
        yield 0
        yield 1
        ready.set()
        await asyncio.Event().wait()

    items = bridge(burst())
    got = items.next_batch()
    assert ready.wait(DEADLINE)
    while len(got) < 2:
        got += items.next_batch()
    assert got == [0, 1]
    items.close()


# -- context, and the run -------------------------------------------------------------------

VARIABLE = contextvars.ContextVar("VARIABLE", default="outside")


def test_it_has_a_copy_of_its_readers_context() -> None:
    async def read() -> AsyncIterator[str]:
        yield VARIABLE.get()
        VARIABLE.set("inside")
        yield VARIABLE.get()

    items = bridge(read())
    VARIABLE.set("reader")
    assert [*items] == ["reader", "inside"]
    assert VARIABLE.get() == "reader"


def test_a_views_generator_reads_one_and_the_proxies_work_in_it(site: Site) -> None:
    async def read() -> AsyncIterator[str]:
        session["seen"] = True
        yield request.form["q"]
        await asyncio.sleep(0)
        yield request.path

    @site.view
    def view() -> Iterator[str]:
        yield from bridge(read())

    assert said(site.events(data={"q": "why "})) == "why /"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StreamFailed("No more.", error_code="quota"), "quota"),
        (ProviderError("overloaded"), "overloaded"),
        (ValueError("mine"), "internal"),
    ],
)
def test_what_it_raises_in_a_run_means_what_it_means_in_a_view(
    site: Site, error: Exception, code: str
) -> None:
    site.view(lambda: bridge(words(2, error)))
    *_, (name, data) = site.events()
    assert (name, data["code"]) == ("failed", code)


async def words(count: int, then: Exception | None = None) -> AsyncIterator[str]:
    async for number in Stream(count, then)():
        yield f"{number} "


@pytest.mark.parametrize("reading", ["view", "generator", "held"])
def test_a_reader_who_leaves_in_silence_has_the_task_cancelled(site: Site, reading: str) -> None:
    """And no fallback of the app's goes on: what is woken raises GeneratorExit."""
    stream, results, fell_back = Stream(1, "silence"), list[Result](), list[BaseException]()

    async def silent() -> AsyncIterator[str]:
        async for number in stream():
            yield str(number)

    def generator() -> Iterator[str]:
        yield "before "
        try:
            yield from bridge(silent())
        except Exception as error:
            fell_back.append(error)

    def held() -> Iterator[str]:
        items = bridge(silent())
        yield "before "
        yield str([*items])

    views = {"view": lambda: silent(), "generator": generator, "held": held}
    site.view(on_finish=results.append)(views[reading])
    response = site.ask()
    body = response.response
    assert b"event: start" in next(iter(body))
    threading.Timer(0, lambda: (stream.waits.wait(DEADLINE), end_runs())).start()
    list(body)
    response.close()
    assert stream.at_end.wait(DEADLINE)
    assert [result.outcome for result in results] == ["failed"]
    assert fell_back == []


def end_runs() -> None:
    """As the watcher does where a run's time is up."""
    from flask_stream.errors import RunError
    from flask_stream.watch import watcher

    for run in [*watcher()._runs]:
        run.end(RunError("Time is up.", error_code="timeout", retryable=True))
