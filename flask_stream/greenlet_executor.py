"""`GreenletExecutor`: the event loop's helpers where gevent has put greenlets in threads' place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class GreenletExecutor(ThreadPoolExecutor):
    """Has a greenlet for each call, in the loop's own thread.

    A pool's would wait for more until the process exits, which waits for them: from another thread,
    which under gevent cannot wake them. A worker that has called `asyncio.to_thread` never ended.
    """

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        threading.Thread(target=run, name="flask-stream-helper", daemon=True).start()
        return future
