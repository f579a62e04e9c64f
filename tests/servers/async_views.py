"""The site's views that are asynchronous, or read what is, and those that others push to."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from typing import Any

import anyio.to_thread
from flask import request

from flask_stream import Channel, ChannelClosed, Event, FlaskStream, bridge, relay
from flask_stream.waiting import unpatched

PROVIDER = os.environ["PROVIDER"]
WORDS = 50

seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen")

Note = Callable[[str, str], None]


@cache
def claude() -> Any:
    """Once it is asked for: few servers are, and to import it takes longer than all the rest."""
    import anthropic

    return anthropic.AsyncAnthropic(base_url=PROVIDER, api_key="none", max_retries=0)


def ask(prompt: str) -> Any:
    """A coroutine that gives an async stream."""
    messages: Any = [{"role": "user", "content": prompt}]
    return claude().messages.create(model="m", max_tokens=64, messages=messages, stream=True)


def ask_by_helper(prompt: str) -> Any:
    """An async context manager that gives one."""
    messages: Any = [{"role": "user", "content": prompt}]
    return claude().messages.stream(model="m", max_tokens=64, messages=messages)


async def ask_itself(prompt: str) -> Any:
    return await ask(prompt)


def relay_it(prompt: str) -> Iterator[Event]:
    yield from relay(ask(prompt))


def add_to(add: Callable[..., None], stream: FlaskStream, note: Note) -> None:
    """Add the views to the site."""

    async def words(prompt: str) -> AsyncIterator[str]:
        """The prompt's own words, what Flask knows of it, and then silence where that is asked."""
        try:
            for number in range(WORDS):
                yield f"{prompt} {number} "
                await asyncio.sleep(0.001)
            yield f"{request.path} {seen.get()}"
            if "silent" in prompt:
                await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            note(prompt, "finally")

    def seeing(prompt: str) -> None:
        seen.set(prompt)

    def returned(prompt: str) -> Any:
        seeing(prompt)
        return words(prompt)

    def read(prompt: str) -> Iterator[str]:
        seeing(prompt)
        yield "read "
        try:
            yield from bridge(words(prompt))
        except Exception:
            note(prompt, "went on")

    async def yielding(prompt: str) -> AsyncIterator[str]:
        seeing(prompt)
        async for word in words(prompt):
            yield word

    async def in_threads(prompt: str) -> AsyncIterator[str]:
        """In anyio's own, by which several libraries call what blocks."""
        for number in range(3):
            yield await anyio.to_thread.run_sync(lambda: f"{prompt} {number} ")  # noqa: B023

    async def waiting(prompt: str) -> Any:
        """In silence before there is anything to return."""
        try:
            note(prompt, "waits")
            await asyncio.Event().wait()
        finally:
            note(prompt, "finally")

    def produce(prompt: str, channel: Channel) -> None:
        """More than the channel has room for; then on, where nobody listens, until it is told."""
        try:
            for number in range(WORDS):
                channel.send(f"{prompt} {number} ")
            channel.send(f"{request.path} {seen.get()}")
            while "silent" in prompt:
                threading.Event().wait(0.05)
                channel.send("")
        except ChannelClosed:
            note(prompt, "finally")
            raise

    def pushed(prompt: str) -> Channel:
        seeing(prompt)
        with stream.channel(8) as channel:
            channel.start(produce, prompt, channel)
            return channel

    def pushed_really(prompt: str) -> Iterator[Any]:
        """By a real thread, also where gevent has patched them."""
        seeing(prompt)
        context = contextvars.copy_context()

        def run() -> None:
            try:
                context.run(produce, prompt, channel)
                channel.close()
            except ChannelClosed:
                pass

        with stream.channel(8) as channel:
            unpatched("_thread", "start_new_thread")(run, ())
            yield from channel

    add("/async-sdk/<prompt>", ask)
    add("/async-helper/<prompt>", ask_by_helper)
    add("/async-view/<prompt>", ask_itself)
    add("/async-relay/<prompt>", relay_it)
    add("/async-returned/<prompt>", returned)
    add("/async-read/<prompt>", read)
    add("/async-yielding/<prompt>", yielding)
    add("/async-threads/<prompt>", in_threads)
    add("/async-waiting/<prompt>", waiting)
    add("/channel-pushed/<prompt>", pushed)
    add("/channel-really/<prompt>", pushed_really)
