"""Many bridges and channels at once, with readers and producers of all kinds; as a script, too.

`python -m tests.many_handovers bridge 1000 gevent` in a process that gevent has patched.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and "gevent" in sys.argv:
    from gevent import monkey

    monkey.patch_all()

import asyncio
import gc
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import islice
from typing import Any

from flask_stream import Channel, ChannelClosed, bridge
from flask_stream.event_loop import loop_thread
from flask_stream.waiting import unpatched

AT_ONCE = 8
DEADLINE = 60  # seconds; all of the runs take one or two


class Mine(Exception):
    """What a stream or a producer raises."""


class Plan:
    """What happens in one run.

    :ivar items: that its stream has.
    :ivar taken: after how many its reader leaves; None: it does not.
    :ivar raises: its stream, behind the last item.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.items = self.random.choice([0, 1, 5, 63, 64, 65, 200])
        self.taken = self.random.choice([None, None, 0, 1, self.items // 2])
        self.raises = self.random.random() < 0.3
        self.leaves_by = self.random.choice(["close", "drop", "cancel"])
        self.producers = self.random.choice([1, 1, 3])
        self.size = self.random.choice([1, 4, 64])

    def pause(self) -> None:
        """Let somebody else go on, now and then."""
        if self.random.random() < 0.05:
            time.sleep(0)

    def whole(self, got: list[Any], failed: bool) -> None:
        if self.taken is None:
            assert failed == self.raises
            wanted = self.items
        else:
            wanted = min(self.taken, self.items)
        if self.producers == 1:
            assert got == [*range(wanted)], (wanted, got)


# -- bridges --------------------------------------------------------------------------------

ended: Counter[str] = Counter()


async def stream(plan: Plan) -> AsyncIterator[int]:
    try:
        for number in range(plan.items):
            yield number
            if number % 7 == 0:
                await asyncio.sleep(0)
        if plan.raises:
            raise Mine
        if plan.taken is not None and plan.items % 2:
            await asyncio.Event().wait()  # in silence
    finally:
        await asyncio.sleep(0)
        ended["stream"] += 1


def run_bridge(plan: Plan) -> None:
    plan.producers = 1
    got, failed = list[int](), False
    items = bridge(stream(plan))
    try:
        for number in items if plan.taken is None else islice(items, plan.taken):
            got.append(number)
            plan.pause()
    except Mine:
        failed = True
    plan.whole(got, failed)
    if plan.leaves_by == "close":
        items.close()
    elif plan.leaves_by == "cancel":
        items.cancel()


# -- channels -------------------------------------------------------------------------------


def produce(channel: Channel, plan: Plan, name: int) -> None:
    for number in range(plan.items):
        channel.send(str(number * plan.producers + name))
        if number % 7 == 0:
            time.sleep(0)
    if plan.raises:
        raise Mine


def produce_until_told(channel: Channel, plan: Plan, name: int) -> None:
    try:
        produce(channel, plan, name)
        while plan.taken is not None:
            channel.send("more")
    except ChannelClosed:
        ended["producer"] += 1
        raise


def start_really(channel: Channel, plan: Plan, name: int, left: list[int]) -> None:
    """In a real thread, also where gevent has patched them; the last one closes."""

    def run() -> None:
        try:
            produce_until_told(channel, plan, name)
        except Exception as error:
            channel.fail(error)
        finally:
            left.pop()
            if not left:
                channel.close()

    unpatched("_thread", "start_new_thread")(run, ())


def run_channel(plan: Plan, *, really: bool = False) -> None:
    got, failed, left = list[int](), False, [1] * plan.producers
    with Channel(plan.size) as channel:
        for name in range(plan.producers):
            if really:
                start_really(channel, plan, name, left)
            else:
                channel.start(produce_until_told, channel, plan, name)
        try:
            for word in channel if plan.taken is None else islice(channel, plan.taken):
                if word != "more":
                    got.append(int(str(word)))
                plan.pause()
        except Mine:
            failed = True
        if plan.taken is None and not plan.raises:
            assert sorted(got) == [*range(plan.items * plan.producers)]
        for name in range(plan.producers):  # in order, and none twice
            of_one = [number for number in got if number % plan.producers == name]
            assert of_one == [*range(name, name + plan.producers * len(of_one), plan.producers)]
        if plan.taken is None and plan.producers == 1:
            plan.whole(got, failed)
    channel.release()  # as the end of a run does with one that nobody has read


# -- all of them ----------------------------------------------------------------------------

KINDS: dict[str, Callable[[Plan], None]] = {
    "bridge": run_bridge,
    "channel": run_channel,
    "real": partial(run_channel, really=True),
}


def many(kind: str, count: int) -> None:
    """Run so many, several at once, and see that nothing is left of them.

    :raises BaseException: what one of them has met.
    """
    assert tasks() == []  # which also starts the loop
    before = natives()
    failures: list[BaseException] = []
    seeds = iter(range(count))

    def work() -> None:
        for seed in seeds:
            try:
                KINDS[kind](Plan(seed))
            except BaseException as error:
                error.add_note(f"seed {seed}")
                failures.append(error)
                return

    workers = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE)
        assert not worker.is_alive(), "it hangs"
    if failures:
        raise failures[0]
    gc.collect()
    until(lambda: not tasks(), tasks)
    until(lambda: natives() <= before, natives)
    until(lambda: producers() == 0, producers)


def tasks() -> list[Any]:
    """The loop's."""
    found: list[Any] = []
    done = unpatched("_thread", "allocate_lock")()
    done.acquire()
    loop = loop_thread().loop()

    def look() -> None:
        found.extend(asyncio.all_tasks(loop))
        done.release()

    loop.call_soon_threadsafe(look)
    assert done.acquire(timeout=DEADLINE)
    return found


def natives() -> int:
    """How many real threads there are."""
    return len(sys._current_frames())


def producers() -> int:
    return sum(thread.name == "flask-stream-channel" for thread in threading.enumerate())


def until(look: Callable[[], bool], otherwise: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not look():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.01)


if __name__ == "__main__":
    logging.disable()  # what fails when nobody reads is told
    many(sys.argv[1], int(sys.argv[2]))
    print("all is well", dict(ended))
