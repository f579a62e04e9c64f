"""`stream.channel()`: what others push, and when they are told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import request

from flask_stream import (
    Channel,
    ChannelClosed,
    Data,
    FlaskStreamError,
    ProviderError,
    SourceError,
    StreamFailed,
    Text,
    bridge,
)
from flask_stream.channel import channel
from flask_stream.events import Done
from tests.conftest import Site, said
from tests.servers.running import until
from tests.test_bridge import DEADLINE, end_runs

WORDS = ["one ", "two ", "three"]


def send_all(channel: Channel) -> None:
    for word in WORDS:
        channel.send(word)


class Producer(threading.Thread):
    """Sends for as long as it can; what has stopped it is kept."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(daemon=True)
        self.channel = channel
        self.sent = 0
        self.stopped_by: BaseException | None = None
        self.has_sent = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            while True:
                self.channel.send(f"{self.sent} ")
                self.sent += 1
                self.has_sent.set()
        except BaseException as error:
            self.stopped_by = error

    def stops(self) -> BaseException | None:
        self.join(DEADLINE)
        assert not self.is_alive()
        return self.stopped_by


# -- how it is used -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"resumable": True}], ids=["attached", "resumable"])
@pytest.mark.parametrize("size", [1, 64])
def test_a_view_returns_what_a_callback_fills(
    site: Site, options: dict[str, Any], size: int
) -> None:
    site.app.config["STREAM_LOG_URL"] = "memory:"

    @site.view(**options)
    def view() -> Channel:
        def run_agent(on_token: Callable[[str], None]) -> None:
            for word in WORDS:
                on_token(word)
            on_token(request.path)

        with site.stream.channel(size) as channel:
            channel.start(run_agent, on_token=channel.send)
            return channel

    events = site.events()
    assert (said(events), events[-1][0]) == ("one two three/", "done")


@pytest.mark.parametrize("options", [{}, {"resumable": True}], ids=["attached", "resumable"])
def test_a_generator_yields_from_it(site: Site, options: dict[str, Any]) -> None:
    site.app.config["STREAM_LOG_URL"] = "memory:"

    @site.view(**options)
    def view() -> Iterator[Any]:
        with site.stream.channel() as channel:
            channel.start(send_all, channel)
            yield from channel
        yield Data("after", 1)

    events = site.events()
    assert said(events) == "".join(WORDS)
    assert [name for name, _ in events][-2:] == ["after", "done"]


def test_text_and_events_go_through_it(site: Site) -> None:
    @site.view
    def view() -> Channel:
        with site.stream.channel() as channel:
            channel.send("one ")
            channel.send(Text("two"))
            channel.send(Data("seen", {"a": 1}))
            channel.close()
            channel.close()
        return channel

    events = site.events()
    assert said(events) == "one two"
    assert ("seen", {"a": 1}) in events


def test_several_are_started_and_it_closes_behind_the_last(site: Site) -> None:
    first_is_done = threading.Event()

    def first(channel: Channel) -> None:
        channel.send("one ")

    def second(channel: Channel) -> None:
        assert first_is_done.wait(DEADLINE)
        channel.send("two")

    @site.view
    def view() -> Channel:
        with site.stream.channel() as channel:
            channel.start(first, channel)
            channel.start(second, channel)
            first_is_done.set()
            return channel

    assert sorted(said(site.events()).split()) == ["one", "two"]


def test_one_that_ends_before_the_next_is_started_closes_nothing(site: Site) -> None:
    @site.view
    def view() -> Channel:
        with site.stream.channel() as channel:
            for word in WORDS:
                done = threading.Event()
                channel.start(lambda word=word, done=done: (channel.send(word), done.set()))
                assert done.wait(DEADLINE)
        return channel

    assert said(site.events()) == "".join(WORDS)


# -- failing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StreamFailed("No more.", error_code="quota"), "quota"),
        (ProviderError("overloaded"), "overloaded"),
        (ValueError("mine"), "internal"),
        (StopIteration(), "internal"),  # it would be taken for the end
    ],
)
@pytest.mark.parametrize("by", ["fail", "start"])
def test_a_failure_ends_the_run_behind_what_came_before(
    site: Site, error: Exception, code: str, by: str
) -> None:
    def produce(channel: Channel) -> None:
        send_all(channel)
        if by == "start":
            raise error
        channel.fail(error)
        channel.fail(KeyError("a second one is nobody's business"))

    @site.view
    def view() -> Channel:
        with site.stream.channel() as channel:
            channel.start(produce, channel)
            return channel

    events = site.events()
    assert said(events) == "".join(WORDS)
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", code)


def test_a_generator_catches_it_as_it_is(site: Site) -> None:
    error = ProviderError("overloaded")

    @site.view
    def view() -> Iterator[str]:
        with site.stream.channel() as channel:
            channel.fail(error)
            try:
                yield from channel
            except ProviderError as caught:
                yield str(caught is error)

    assert said(site.events()) == "True"


@pytest.mark.parametrize("error", ["text", ValueError, None, KeyboardInterrupt()])
def test_it_fails_with_an_exception_only(error: Any) -> None:
    with pytest.raises(TypeError, match=r"channel.fail\(\) was given .*give it an exception"):
        Channel(1).fail(error)


@pytest.mark.parametrize(
    "value",
    [None, 1, b"bytes", {"a": 1}, ["text"], Done(stop_reason="stop", text_length=0), object()],
)
def test_what_cannot_be_streamed_is_refused_in_its_sender(value: Any) -> None:
    channel = Channel(1)
    with pytest.raises((TypeError, ValueError), match=r"channel\.send|name"):
        channel.send(value)
    channel.send("there is room still")


@pytest.mark.parametrize("size", [0, -1, 1.5, "64", None])
def test_its_size_is_a_whole_number(site: Site, size: Any) -> None:
    with pytest.raises(ValueError, match=r"size is .*a whole number above 0"):
        site.stream.channel(size)


def test_what_start_would_not_run_is_told(site: Site) -> None:
    async def coroutine() -> None: ...

    def generator() -> Iterator[str]:
        yield "never"

    for function in (coroutine, generator):
        channel = Channel(1)
        channel.start(function)
        with pytest.raises(SourceError, match=r"channel.start\(\) called .*nobody runs it"):
            next(channel)


def test_start_is_given_the_function_and_not_what_it_gives() -> None:
    with pytest.raises(SourceError, match=r"takes a function that it calls.*parentheses"):
        Channel(1).start(print())  # type: ignore[func-returns-value, arg-type]


def test_none_for_the_end_is_told_of_close() -> None:
    with pytest.raises(SourceError, match=r"None means the end, call channel\.close"):
        Channel(1).send(None)  # type: ignore[arg-type]


# -- the reader leaves ----------------------------------------------------------------------


def test_senders_are_told_once_the_client_has_left(site: Site) -> None:
    producers: list[Producer] = []

    @site.view
    def view() -> Channel:
        with site.stream.channel(2) as channel:
            producers.extend(Producer(channel) for _ in range(5))
            return channel

    response = site.ask()
    for chunk in response.response:
        if b"event: text" in chunk:
            break
    response.close()
    for producer in producers:
        assert isinstance(producer.stops(), ChannelClosed)


@pytest.mark.parametrize("reading", ["returned", "generator"])
def test_a_run_that_is_ended_wakes_its_reader(site: Site, reading: str) -> None:
    waits, channels = threading.Event(), list[Channel]()
    caught: list[Exception] = []

    def returned() -> Channel:
        with site.stream.channel() as channel:
            channels.append(channel)
            channel.send("one")
            return channel

    def generator() -> Iterator[Any]:
        yield "one"
        with site.stream.channel() as channel:
            channels.append(channel)
            waits.set()
            try:
                yield from channel
            except Exception as error:
                caught.append(error)

    site.view(returned if reading == "returned" else generator)
    body = site.ask().response
    chunks = [next(iter(body))]
    if reading == "returned":
        waits.set()
    threading.Timer(0, lambda: (waits.wait(DEADLINE), end_runs())).start()
    chunks += body
    assert b'"code":"timeout"' in b"".join(chunks)
    with pytest.raises(ChannelClosed, match="its reader has left"):
        channels[0].send("x")
    assert caught == []


def test_a_generator_that_breaks_off_closes_it(site: Site) -> None:
    producers: list[Producer] = []

    @site.view
    def view() -> Iterator[Any]:
        with site.stream.channel(1) as channel:
            producers.append(Producer(channel))
            for word in channel:
                yield word
                break
        assert isinstance(producers[0].stops(), ChannelClosed)

    assert said(site.events()) == "0 "


def test_a_block_that_fails_closes_it(site: Site) -> None:
    producers: list[Producer] = []

    @site.view
    def view() -> Channel:
        with site.stream.channel(1) as channel:
            producers.append(Producer(channel))
            raise StreamFailed("No.")

    assert site.ask().status_code == 400
    assert isinstance(producers[0].stops(), ChannelClosed)


@pytest.mark.parametrize("view", ["returns something else", "returns a page", "fails later"])
def test_one_that_nobody_reads_is_closed_and_told_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture, view: str
) -> None:
    producers: list[Producer] = []

    @site.view
    def unread() -> Any:
        with site.stream.channel(1) as channel:
            producers.append(Producer(channel))
        if view == "fails later":
            raise StreamFailed("No.")
        return "a page" if view == "returns a page" else ["a list"]

    caplog.set_level(logging.WARNING, "flask_stream")
    list(site.ask().response)
    assert isinstance(producers[0].stops(), ChannelClosed)
    assert [r.message for r in caplog.records if "nobody has read it" in r.message] != []


class ClosesWhenTold(logging.Handler):
    """Ends a channel once the log tells of its silence."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        if "has to say so, by channel.close()" in record.getMessage():
            self.channel.close()


def test_a_producer_that_says_no_end_is_told_of_in_the_log(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_stream.channel._SILENT_SECONDS", 0.05)
    log = logging.getLogger("flask_stream")
    handlers: list[logging.Handler] = []

    @site.view
    def chat() -> Channel:
        channel = site.stream.channel()
        handlers.append(ClosesWhenTold(channel))
        log.addHandler(handlers[0])
        send_all(channel)
        return channel

    try:
        assert said(site.events()) == "".join(WORDS)
    finally:
        log.removeHandler(handlers[0])


def test_a_function_that_was_started_may_be_silent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flask_stream.channel._SILENT_SECONDS", 0.0)
    told: list[str] = []

    def say_one_word() -> None:
        until(lambda: channel._handover._reader is not None, "nobody waits for the word")
        told.append(caplog.text)
        channel.send("one")

    channel = Channel(1)
    channel.start(say_one_word)
    assert next(channel) == "one"
    assert told == [""]


def test_what_a_producer_raises_when_nobody_reads_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = Channel(1)
    channel.close()
    for error in (ChannelClosed(), wrapped(ChannelClosed())):
        channel.fail(error)
    assert caplog.records == []
    channel.fail(ValueError("mine"))
    assert "failed when nobody read it any more" in caplog.text
    channel.start(caplog.clear)  # it is over: nobody would read what it says
    assert caplog.records != []


def wrapped(cause: Exception) -> Exception:
    """As a library does with what its callback raises."""
    error = RuntimeError("a callback failed")
    error.__cause__ = cause
    return error


# -- where it must not wait -----------------------------------------------------------------


def test_the_views_own_thread_is_told_where_it_would_wait_for_ever(site: Site) -> None:
    site.app.testing = True

    @site.view
    def view() -> Channel:
        with site.stream.channel(2) as channel:
            send_all(channel)
        return channel

    with pytest.raises(FlaskStreamError, match=r"is full \(2 items\).*channel\.start\(function\)"):
        site.ask()


@pytest.mark.parametrize("reading", ["waiting", "between items"])
def test_a_signal_handler_in_the_readers_thread_sends(reading: str) -> None:
    """Whatever it has interrupted: the reader is woken, or told that it is full."""
    channel, full = Channel(3), list[FlaskStreamError]()

    def handle(*_: Any) -> None:
        try:
            for number in range(5):
                channel.send(str(number))
        except FlaskStreamError as error:
            full.append(error)
        channel.close()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        if reading == "waiting":
            main = threading.main_thread().ident
            assert main is not None
            threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR1)).start()
        else:
            signal.raise_signal(signal.SIGUSR1)
        assert [*channel] == ["0", "1", "2"]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "is full" in str(full[0])


def test_signals_by_the_hundred_lose_and_repeat_nothing() -> None:
    """They interrupt the reader, and the senders that the main thread has, at any point."""
    channel, sent, got = Channel(4), list[str](), list[Any]()
    reader = threading.Thread(target=lambda: got.extend(channel))

    def handle(*_: Any) -> None:
        word = f"signal {len(sent)}"
        sent.append(word)
        channel.send(word)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        reader.start()
        while not channel._is_read:  # until then this thread's sends would not wait
            pass
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        numbers = [str(number) for number in range(20_000)]
        for number in numbers:
            channel.send(number)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    channel.close()
    reader.join(DEADLINE)
    assert [word for word in got if word.isdigit()] == numbers
    assert sorted(word for word in got if not word.isdigit()) == sorted(sent)
    assert sent


def test_the_loop_of_all_async_streams_is_told_where_it_would_wait_for_one(site: Site) -> None:
    @site.view
    def view() -> Iterator[Any]:
        async def agent() -> AsyncIterator[str]:
            for word in WORDS:
                channel.send(word)
            yield "waited"

        with site.stream.channel(1) as channel:
            try:
                yield from bridge(agent())
            except FlaskStreamError as error:
                yield str(error)

    assert "to_thread(channel.send, word)" in said(site.events())


def test_readers_who_do_not_read_hold_up_no_other_stream() -> None:
    """However many senders wait in threads of the event loop's."""
    channels = [channel(1) for _ in range(40)]  # asyncio's own threads are 32 at most

    async def sending(each: Channel) -> AsyncIterator[str]:
        each.send("as many as there is room for")
        sent = asyncio.create_task(asyncio.to_thread(each.send, "one more"))
        yield "waits"
        with suppress(ChannelClosed):
            await sent

    async def other() -> AsyncIterator[str]:
        yield await asyncio.wait_for(asyncio.to_thread(str, "in a thread"), DEADLINE)

    senders = [bridge(sending(each)) for each in channels]
    try:
        assert {next(each) for each in senders} == {"waits"}
        assert [*bridge(other())] == ["in a thread"]
    finally:
        for each in channels:
            each.cancel()
    assert [[*each] for each in senders] == [[]] * len(senders)


def test_who_would_wait_for_one_on_the_loop_is_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    @site.view
    async def view() -> AsyncIterator[Any]:
        channel = site.stream.channel()
        yield "before "
        for item in channel:
            yield item

    assert [name for name, _ in site.events()] == ["start", "text", "failed"]
    assert "A channel is read on the event loop" in caplog.text


def test_a_callback_on_an_event_loop_sends(site: Site) -> None:
    async def agent(on_token: Callable[[str], None]) -> None:
        for word in WORDS:
            await asyncio.sleep(0)
            on_token(word)

    @site.view
    def view() -> Channel:
        with site.stream.channel() as channel:
            channel.start(lambda: asyncio.run(agent(channel.send)))
            return channel

    assert said(site.events()) == "".join(WORDS)
