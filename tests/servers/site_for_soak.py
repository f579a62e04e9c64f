"""gunicorn's configuration for the soak: `site` with more views, and with a look inside."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

# What one run is made of, in `flask_stream`: nothing of it may be left.
PARTS = {"Run", "Result", "Turn", "Connection", "Slot", "_Watched", "_Frames"}
PARTS |= {"SDKStream", "SDKItems", "SDKManager", "RequestsStream"}


def post_worker_init(worker: Any) -> None:
    from flask import g

    from flask_stream import Event, relay, watch
    from flask_stream.limits import places
    from tests.servers import site

    contexts: Counter[int] = Counter()

    @site.app.teardown_appcontext
    def tear_down_context(error: BaseException | None) -> None:
        contexts[g.number] += 1

    @site.app.get("/busy")
    def busy() -> dict[str, Any]:
        """What this process has to do, beside this request."""
        return {
            "requests": len(site._begun) - len(site._torn_down) - 1,
            "runs": len(watch.watcher()._runs),
            "places": places().taken,
            "watchers": sum(t.name == "flask-stream-watcher" for t in threading.enumerate()),
        }

    @site.app.get("/held")
    def held() -> dict[str, Any]:
        """What this process holds, beside what `/state` says."""
        gc.collect()
        kinds = [type(found) for found in gc.get_objects()]
        ours = [k.__name__ for k in kinds if str(k.__module__).startswith("flask_stream.")]
        return {
            "parts": Counter(name for name in ours if name in PARTS),
            "resident": site.resident(),
            "blocks": sys.getallocatedblocks(),
            "tasks": len(os.listdir("/proc/self/task")),
            "contexts": len(contexts),
            "contexts_twice": [n for n, times in contexts.items() if times > 1],
        }

    def fail(after: int, prompt: str, wire: str) -> Iterator[str | Event]:
        """The app's own code fails in the middle of an answer, or behind it."""
        for number, event in enumerate(relay(site.answer(prompt, wire))):
            yield event
            if number == after:
                break
        raise ValueError("the app's own")

    def nothing(prompt: str) -> Iterator[str]:
        """Code of the app's own that never waits, and has nothing to say."""
        while True:
            yield ""

    # What passes a provider's items on, of which no wire is seen, and never waits.

    def items(*choices: Any, **more: Any) -> Iterator[Any]:
        from openai.types.chat import ChatCompletionChunk

        said = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        while True:
            yield ChatCompletionChunk.model_validate({**said, **more, "choices": choices})

    def unsaid(prompt: str) -> Any:
        """Nothing to say."""
        return items()

    def deep(prompt: str) -> Any:
        """What is passed over, since it is nested too deep."""
        return items(x=json.loads("[" * 150 + "]" * 150))

    def goes_on(prompt: str) -> Any:
        """More behind an answer's end."""
        from anthropic.types import RawMessageStopEvent

        def events() -> Iterator[Any]:
            asked: Any = [{"role": "user", "content": prompt}]
            create = site.claude().messages.create
            yield from create(model="m", max_tokens=64, messages=asked, stream=True)
            while True:
                yield RawMessageStopEvent(type="message_stop")

        return events()

    class Unheard:
        """An item of a library's that says nothing."""

    @site.stream.source(lambda item: isinstance(item, Unheard))
    def read_unheard(items: Iterable[Any]) -> Iterator[str]:
        yield from ("" for item in items if not isinstance(item, Unheard))

    class UnheardAnswer:
        """A library's own object, which a function is given as it is."""

        def __iter__(self) -> Iterator[Any]:
            return iter(Unheard, None)

    @site.stream.source(lambda obj: isinstance(obj, UnheardAnswer))
    def read_unheard_answer(answer: UnheardAnswer) -> Iterator[str]:
        yield from ("" for item in answer)

    def unheard_object(prompt: str) -> Any:
        """What a reading function passes over, as the docs tell it to."""
        return UnheardAnswer()

    def unheard(prompt: str) -> Any:
        """What a reading function passes over."""
        return iter(Unheard, None)

    async def unheard_async(prompt: str) -> Any:
        """The same of an asynchronous stream."""
        while True:
            yield Unheard()

    def answer_by_helper(prompt: str, wire: str) -> Any:
        messages: Any = [{"role": "user", "content": prompt}]
        if wire == "openai_responses":
            return site.gpt.responses.stream(model="m", input=prompt)
        if wire == "openai_chat":
            return site.gpt.chat.completions.stream(model="m", messages=messages)
        return site.claude().messages.stream(model="m", max_tokens=64, messages=messages)

    site.add("/failing/<int:after>/<wire>/<prompt>", fail)
    never_wait = {
        "nothing": nothing,
        "unsaid": unsaid,
        "deep": deep,
        "goes-on": goes_on,
        "unheard": unheard,
        "unheard-async": unheard_async,
        "unheard-object": unheard_object,
    }
    for name, view in never_wait.items():
        site.add(f"/{name}/<prompt>", view)
        site.add(f"/brief-{name}/<prompt>", view, max_seconds=3)
    # What the server's own limits would end while a slow machine is still busy with the test.
    site.add("/patient/<wire>/<prompt>", site.answer, idle_seconds=600)
    site.add("/patient-requests/<wire>/<prompt>", site.answer_by_requests, idle_seconds=600)
    site.add("/helper/<wire>/<prompt>", answer_by_helper)
    site.add("/text-of/<wire>/<prompt>", site.answer, format="text")
    site.add("/json-of/<wire>/<prompt>", site.answer, format="json")
