"""The app that the servers run: it asks the provider named in the environment.

Every view takes a prompt, and answers what the provider says to it. `RESULTS` and `NOTES` name
files for what happened; `STREAM_SETTINGS` is JSON for the app's configuration.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

import openai
import requests
from flask import Flask, g, redirect, request

from flask_stream import Event, FlaskStream, ProviderError, Result, after_this_stream, relay
from flask_stream.limits import places
from tests.servers import async_views

PROVIDER = os.environ["PROVIDER"]
METHODS = ["GET", "POST"]

logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
logging.getLogger("flask_stream").setLevel(logging.INFO)

app = Flask(__name__)
app.config["STREAM_MAX_CHARACTERS"] = 10**9  # for `flood`
app.config.update(json.loads(os.environ.get("STREAM_SETTINGS", "{}")))
stream = FlaskStream(app)
gpt = openai.OpenAI(base_url=f"{PROVIDER}/v1", api_key="none", max_retries=0)
_one_at_a_time = threading.Lock()


@cache
def _claude() -> Any:
    import anthropic

    return anthropic.Anthropic(base_url=PROVIDER, api_key="none", max_retries=0)


def claude() -> Any:
    """Anthropic's, once it is asked for: its SDK takes longer to import than all the rest."""
    with _one_at_a_time:
        return _claude()


# -- what is written down ---------------------------------------------------------------


def _append(name: str, line: list[Any]) -> None:
    """In one write, so that no two lines run together."""
    with open(os.environ[name], "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def keep(result: Result) -> None:
    """One line for each time that a run ended."""
    code = result.error.code if result.error else None
    _append("RESULTS", [request.view_args, result.outcome, result.text, code])


def note(prompt: str, what: str) -> None:
    _append("NOTES", [prompt, what])


_numbers = count(1)
_begun: list[int] = []
_torn_down: Counter[int] = Counter()


@app.before_request
def begin() -> None:
    g.number = next(_numbers)
    _begun.append(g.number)


@app.teardown_request
def tear_down(error: BaseException | None) -> None:
    _torn_down[g.number] += 1


@app.get("/hello")
def hello() -> str:
    return "hello"


@app.get("/headers")
def headers() -> dict[str, str]:
    """What the request has come with."""
    return dict(request.headers)


def resident() -> int:
    """Bytes of memory that this process has, without what it has freed and would keep for later.

    How much that is depends on how many runs with large events have met in time.
    """
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # glibc's
        libc.malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@app.get("/state")
def state() -> dict[str, Any]:
    """What this worker process holds; this request is among its requests, not torn down yet."""
    gc.collect()
    greenlet = sys.modules.get("greenlet")
    return {
        "pid": os.getpid(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "greenlets": sum(
            isinstance(found, greenlet.greenlet) and not found.dead for found in gc.get_objects()
        )
        if greenlet
        else 0,
        "files": len(os.listdir("/proc/self/fd")),
        "resident": resident(),
        "places": places().taken,
        "requests": len(_begun),
        "torn_down": len(_torn_down),
        "torn_down_twice": [n for n, times in _torn_down.items() if times > 1],
    }


# -- the provider's streams as they are -------------------------------------------------


def answer(prompt: str, wire: str = "openai_chat") -> Any:
    """A stream of the wire's SDK."""
    if wire == "openai_responses":
        return gpt.responses.create(model="m", input=prompt, stream=True)
    messages: Any = [{"role": "user", "content": prompt}]
    if wire == "openai_chat":
        return gpt.chat.completions.create(model="m", messages=messages, stream=True)
    return claude().messages.create(model="m", max_tokens=64, messages=messages, stream=True)


def answer_by_helper(prompt: str, wire: str) -> Any:
    """The manager that `.stream()` of the wire's SDK gives."""
    if wire == "openai_responses":
        return gpt.responses.stream(model="m", input=prompt)
    messages: Any = [{"role": "user", "content": prompt}]
    if wire == "openai_chat":
        return gpt.chat.completions.stream(model="m", messages=messages)
    return claude().messages.stream(model="m", max_tokens=64, messages=messages)


def answer_by_requests(prompt: str, wire: str) -> Any:
    paths = {"anthropic": "messages", "openai_chat": "chat/completions"}
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": prompt}]}
    url = f"{PROVIDER}/v1/{paths.get(wire, 'responses')}"
    return requests.post(url, json=body, stream=True, timeout=60)


def answer_to_body(prompt: str) -> Any:
    """As an app does that asks what a form says: it reads the body first."""
    request.get_data()
    return answer(prompt)


class Fails(Exception):
    """The app says sorry for it, as if that were an answer."""


@app.errorhandler(Fails)
def say_sorry(error: Fails) -> Any:
    return "Sorry.", int(str(error)), {"Location": "/hello"}


def answer_or_fail(prompt: str) -> Any:
    """What a request's own header says: its error's status, or where its reader is sent."""
    if "Fails" in request.headers:
        raise Fails(request.headers["Fails"])
    if "Sent-Away" in request.headers:
        return redirect("/hello", int(request.headers["Sent-Away"]))
    return answer(prompt)


def add(rule: str, view: Any, **options: Any) -> None:
    """The endpoint is the rule's first word; views that share it are one."""
    endpoint = rule.split("/")[1]
    if endpoint not in app.view_functions:
        app.view_functions[endpoint] = stream.response(on_finish=keep, **options)(view)
    app.add_url_rule(rule, endpoint, methods=METHODS)


add("/chat/<prompt>", answer)
add("/fails/<prompt>", answer_or_fail)
add("/body/<prompt>", answer_to_body)
add("/sdk/<wire>/<prompt>", answer)
add("/helper/<wire>/<prompt>", answer_by_helper)
add("/requests/<wire>/<prompt>", answer_by_requests)
add("/text/<prompt>", answer, format="text")
add("/json/<prompt>", answer, format="json")


# -- generators of the app's own --------------------------------------------------------


def ask_tool(prompt: str) -> str:
    """A tool that is as slow as the test that answers it."""
    answer = requests.post(f"{PROVIDER}/tool", json={"prompt": prompt}, timeout=60)
    text: str = answer.json()["text"]
    return text


def use_tool(prompt: str) -> Iterator[str]:
    """Words, a slow tool, the tool's words, and more words."""
    try:
        yield "before "
        told = ask_tool(prompt)
        note(prompt, "the tool is done")
        yield told
        note(prompt, "went on")
        yield " after"
    except GeneratorExit:
        note(prompt, "GeneratorExit")
        raise


def fall_back(prompt: str, wire: str = "openai_chat") -> Iterator[str | Event]:
    """A relay with a fallback for when the provider fails."""
    try:
        yield from relay(answer(prompt, wire))
    except ProviderError as error:
        note(prompt, f"fell back: {error.error_code}: {error.result.text}")
        yield "|fallback"


def tool_between(prompt: str) -> Iterator[str | Event]:
    """A stream, a slow tool, and a stream again."""
    yield from relay(answer(prompt))
    yield ask_tool(prompt)
    yield from relay(answer(prompt))


def save_slowly(prompt: str) -> Any:
    """What a callback does takes as long as the test that answers it."""
    after_this_stream(lambda result: ask_tool(prompt))
    return answer(prompt)


add("/save/<prompt>", save_slowly)
add("/tool/<prompt>", use_tool)
add("/agent/<prompt>", tool_between)
add("/careful/<prompt>", fall_back)
add("/careful/<wire>/<prompt>", fall_back)


# -- with deadlines of their own --------------------------------------------------------

IDLE, MAX = 1.0, 1.0  # seconds

add("/idle/<wire>/<prompt>", answer, idle_seconds=IDLE)
add("/idle-helper/<wire>/<prompt>", answer_by_helper, idle_seconds=IDLE)
add("/idle-requests/<wire>/<prompt>", answer_by_requests, idle_seconds=IDLE)
add("/idle-careful/<wire>/<prompt>", fall_back, idle_seconds=IDLE)
add("/idle-tool/<prompt>", use_tool, idle_seconds=IDLE)
add("/idle-agent/<prompt>", tool_between, idle_seconds=IDLE)
add("/max/<wire>/<prompt>", answer, max_seconds=MAX)
add("/max-tool/<prompt>", use_tool, max_seconds=MAX)


# -- asynchronous ones, and those that others push to -----------------------------------

async_views.add_to(add, stream, note)
