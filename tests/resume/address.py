"""An address that leads to one server, and then to another one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Address:
    """On loopback, at `port`; passes on what comes to the port that it leads to."""

    def __init__(self, to: int) -> None:
        self._to: int | None = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.lead_to(None)
        for thread in self._threads:
            thread.join(60)

    def lead_to(self, port: int | None) -> None:
        """From now on; those who are connected are cut off. None: nowhere."""
        with self._lock:
            self._to = port
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                try:
                    server = self._connected(client)
                except OSError:  # there is nothing at that port, or no port
                    client.close()
                    continue
                for pair in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._pass_on, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _connected(self, client: socket.socket) -> socket.socket:
        with self._lock:
            if self._to is None:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self._to))
            self._sockets |= {client, server}
        return server

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
        for each in (source, to):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sockets.discard(source)
        source.close()
