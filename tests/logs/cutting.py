"""A way to a server that may be cut between a request and its answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Cutting:
    """Passes on what comes to `port`; what the server answers next is lost once `is_to_cut`."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_to_cut = False
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._server))
                for pair in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._pass_on, args=(*pair, pair[0] is server))
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, to: socket.socket, is_answer: bool) -> None:
        with source, suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.is_to_cut:
                    self.is_to_cut = False
                    break
                to.sendall(data)
        for each in (source, to):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
