"""Runs in which everything goes wrong that can: the provider's side, and the clients'."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

from tests.provider import WIRES, Exchange, frames
from tests.servers.running import Client, Server, events_of, said
from tests.servers.talk import WIRES as TALK
from tests.servers.talk import prompt_of, reset, speak, wire_of, words_for
from tests.transcripts.reading import block, delta, start

CLIENTS = 20  # at once
IDLE = 3  # seconds without an event, after which a provider has stalled, in the soak
SILENCE = 0.5  # seconds: some heartbeats, and not a stall yet

# What a run is like, and how often.
ROUTES = {"sdk": 6, "requests": 3, "helper": 2, "careful": 4, "failing": 3}
ROUTES |= {"text-of": 2, "json-of": 2}
FAULTS = {"none": 8, "silence": 1, "cut": 2, "half an event": 2, "reset": 2}
FAULTS |= {"stall": 2, "pings": 1, "error": 2, "refused": 1, "no answer": 1}
MANNERS = {"reads": 6, "reads slowly": 2, "asks again": 2, "half-closes": 2}
MANNERS |= {"leaves": 4, "resets": 4}

NO_FAULT = ("none", "silence")
NO_STREAM = ("refused", "no answer")
HELD = "held"  # the prompt of an answer that goes on until it is told to end

# What the SDKs' helpers have to hear, beside what `talk` says.
HEADS = {wire: TALK[wire].head for wire in WIRES}
TAILS = {wire: TALK[wire].tail for wire in WIRES}
HEADS["anthropic"] = frames(
    start(model="m", content=[], usage={"input_tokens": 1, "output_tokens": 1}),
    *block(0, {"type": "text", "text": ""})[:1],
)
TAILS["anthropic"] = frames(
    {"type": "content_block_stop", "index": 0},
    delta("end_turn", usage={"output_tokens": 2}),
    {"type": "message_stop"},
)
_PART = {"type": "output_text", "text": "", "annotations": []}
_PART = {"part": _PART, "item_id": "i1", "output_index": 0, "content_index": 0}
HEADS["openai_responses"] += frames({"type": "response.content_part.added", **_PART})
_ITEM = {"id": "i1", "type": "message", "role": "assistant", "status": "completed", "content": []}
_DONE = {"type": "response.output_item.done", "output_index": 0, "item": _ITEM}
TAILS["openai_responses"] = frames(_DONE) + TAILS["openai_responses"]


@dataclass
class Plan:
    """One run: what is asked for, what the provider does, and what the client does.

    :ivar at: the fault comes behind so many words.
    :ivar after: of whoever ends the run before its end, the app or the client: after so many
        pieces; -1: the client, before the answer's head.
    """

    prompt: str
    route: str
    wire: str
    fault: str
    manner: str
    at: int
    after: int

    @property
    def path(self) -> str:
        after = f"/{self.after + 1}" if self.route == "failing" else ""
        return f"/{self.route}{after}/{self.wire}/{self.prompt}"

    @property
    def words(self) -> str:
        """What the provider says."""
        words = words_for(self.prompt)
        return "".join(words if self.fault in NO_FAULT else words[: self.at])

    @property
    def ends(self) -> tuple[str, ...]:
        """How the run may end for who reads it all: `done`, or the error's code."""
        if self.fault in NO_FAULT:
            codes: tuple[str, ...] = ("done",)
        elif self.fault in ("stall", "pings"):
            codes = ("timeout",)
        elif self.fault == "error":
            codes = (TALK[self.wire].error_code,)
        else:
            codes = ("truncated", "provider_error")
        if self.route == "careful":
            return ("done",)
        if self.route == "failing":  # at once where the words end, or before the fault
            return ("internal",) if codes == ("done",) else ("internal", *codes)
        return codes


def each_once() -> list[Plan]:
    """Every fault of every wire on every route, so that nothing happens for the first time
    later; read to its end."""
    chance, kinds = random.Random("warm"), product(ROUTES, WIRES, FAULTS)
    return [
        Plan(f"warm{n}", *kind, "reads", chance.randint(0, 40), chance.randint(0, 30))
        for n, kind in enumerate(kinds)
    ]


def at_random(count: int) -> list[Plan]:
    chance = random.Random("soak")

    def one_of(weights: dict[str, int]) -> str:
        return chance.choices(list(weights), list(weights.values()))[0]

    return [
        Plan(
            prompt=f"run{number}",
            route=one_of(ROUTES),
            wire=chance.choice(WIRES),
            fault=one_of(FAULTS),
            manner=one_of(MANNERS),
            at=chance.randint(0, 40),
            after=chance.randint(-1, 30),
        )
        for number in range(count)
    ]


class Faulty:
    """The provider's script.

    :ivar asked: the prompts, as often as they were asked.
    :ivar enough: ends the answers that are held.
    """

    def __init__(self, plans: list[Plan]) -> None:
        self.plans = {plan.prompt: plan for plan in plans}
        self.asked: Counter[str] = Counter()
        self.enough = threading.Event()
        self._connections: list[socket.socket] = []

    def __call__(self, exchange: Exchange) -> None:
        self._connections.append(exchange.handler.connection)
        prompt = prompt_of(exchange)
        plan = self.plans.get(prompt)
        if plan is None:
            (self._hold if prompt == HELD else speak)(exchange)
            return
        self.asked[prompt] += 1
        chance = random.Random(prompt)
        if plan.fault == "refused":
            exchange.answer(chance.choice((401, 429, 500)), {"error": {"message": "no"}})
            return
        if plan.fault == "no answer":
            exchange.cut()
            return
        exchange.start()
        exchange.send(HEADS[plan.wire])
        words = words_for(prompt)
        for number in range(len(words) + 1):
            if number == plan.at and self._fails(exchange, plan):
                return
            if number < len(words):
                time.sleep(chance.uniform(0, 0.003))  # the pace of words; nothing is waited for
                exchange.send(TALK[plan.wire].word(words[number]))
        exchange.send(TAILS[plan.wire])
        exchange.end()

    def _hold(self, exchange: Exchange) -> None:
        wire = wire_of(exchange)
        exchange.start()
        exchange.send(wire.head)
        while not self.enough.wait(0.2):
            exchange.send(wire.word("."))
        exchange.send(wire.tail)
        exchange.end()

    def _fails(self, exchange: Exchange, plan: Plan) -> bool:
        """Whether the answer is over with the plan's fault."""
        wire = TALK[plan.wire]
        if plan.fault == "silence":
            time.sleep(SILENCE)
        elif plan.fault == "cut":
            exchange.cut()
        elif plan.fault == "half an event":
            exchange.send(wire.word("half")[:30])
            exchange.cut()
        elif plan.fault == "reset":
            reset(exchange)
        elif plan.fault == "stall":
            exchange.gone()
        elif plan.fault == "pings":
            while not exchange.gone(0.1):
                exchange.send(wire.ping)
        elif plan.fault == "error":
            exchange.send(wire.error)
            exchange.end()
        return plan.fault not in NO_FAULT

    def hang_up(self) -> None:
        """Close the connections that the site's SDKs have kept, so that no idle one counts."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()


# -- the clients ------------------------------------------------------------------------


def carry_out(plan: Plan, server: Server) -> None:
    slowly = plan.manner == "reads slowly"
    options = {"slowly": (512, 0.002), "receive_buffer": 2304} if slowly else {}
    with server.connect(**options) as client:
        client.send("POST", plan.path)
        if plan.manner in ("leaves", "resets"):
            read_a_little(plan, client)
            if plan.manner == "resets":
                client.reset()
            return
        if plan.manner == "half-closes":
            client.half_close()
            if plan.route in ("text-of", "json-of"):  # a FIN counts as leaving there
                with suppress(AssertionError):
                    client.head().whole()
                return
        read_all(plan, client.head())
        if plan.manner == "asks again" and not is_cut(plan):
            client.has_no_more()


def read_a_little(plan: Plan, client: Client) -> None:
    if plan.after >= 0 and "transfer-encoding" in client.head().headers:
        for _ in range(plan.after):
            if not client.chunk():
                return


def is_cut(plan: Plan) -> bool:
    """Whether the answer has no end: bare words that failed."""
    return plan.route == "text-of" and plan.fault not in NO_FAULT + NO_STREAM


def read_all(plan: Plan, client: Client) -> None:
    """See that the answer is what it must be."""
    if plan.fault in NO_STREAM:
        assert client.status >= 400, client.status
        assert "retryable" in json.loads(client.whole())
        return
    if plan.route == "json-of":
        told = json.loads(client.whole())
        assert "outcome" in told, (client.status, told)
        text, end = told["text"], told["error"]["code"] if told["error"] else "done"
    elif plan.route == "text-of":
        text, end = (client.broken() if is_cut(plan) else client.whole()).decode(), plan.ends[0]
    else:
        events = events_of(client.whole(), comments=True)
        end, data = events[-1]
        text, end = said(events), data["code"] if end == "failed" else end
    assert end in plan.ends, (end, text)
    if plan.route == "careful" and plan.fault not in NO_FAULT:
        assert text.endswith("|fallback"), text
        text = text.removesuffix("|fallback")
    if plan.fault == "reset" or plan.route == "failing":  # not all of it may have come
        assert plan.words.startswith(text), text
    else:
        assert text == plan.words, text


def carry_out_all(plans: list[Plan], server: Server) -> None:
    """:raises AssertionError: something went wrong; it names each plan."""
    waiting, lock, wrong = iter(plans), threading.Lock(), []

    def work() -> None:
        while True:
            with lock:
                plan = next(waiting, None)
            if plan is None:
                return
            try:
                carry_out(plan, server)
            except Exception as error:
                wrong.append(f"{plan}: {error!r}"[:1000])

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, "\n".join([*wrong, server.log[-10_000:]])
