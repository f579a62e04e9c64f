"""The floor: a thread a stream and bare sockets, but JSON both ways. No server, no SDK, no care.

What it leaves out is what a server is for: it shows how much of a token's price could be saved at
all in this language, and no more. `python -m bench.server.apps.floor FD` serves that listener.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.server.apps import plain
from bench.server.apps.dicts import of_anthropic, of_chat, of_responses
from bench.server.wires import ANTHROPIC, CHAT, RESPONSES, WIRES

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WORDS: dict[str, tuple[str, Callable[[Any], str | None]]] = {
    "/chat": (WIRES[CHAT].path, of_chat),
    "/responses": (WIRES[RESPONSES].path, of_responses),
    "/anthropic": (WIRES[ANTHROPIC].path, of_anthropic),
}


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=[sock], daemon=True).start()


def serve(sock: socket.socket) -> None:
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        url = urlsplit(sock.recv(65536).split(b" ")[1].decode())
        model = parse_qs(url.query)["model"][0]
        words = plain.words(model) if url.path == "/plain" else ask(model, *WORDS[url.path])
        try:
            send(sock, words)
        except ConnectionError:  # the reader has left
            pass


def send(sock: socket.socket, words: Iterable[str]) -> None:
    sock.sendall(HEAD)
    for word in words:
        frame = f"data: {json.dumps({'text': word})}\n\n".encode()
        sock.sendall(b"%x\r\n%b\r\n" % (len(frame), frame))
    sock.sendall(b"0\r\n\r\n")


def ask(model: str, path: str, of: Callable[[Any], str | None]) -> Iterator[str]:
    provider = urlsplit(os.environ["PROVIDER"])
    assert provider.port
    body = json.dumps({"model": model}).encode()
    with socket.create_connection(("127.0.0.1", provider.port)) as sock:
        sock.sendall(b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)))
        sock.sendall(body)
        rest = b""
        while not rest.endswith(b"\r\n0\r\n\r\n"):
            *lines, rest = (rest + sock.recv(65536)).split(b"\n\n")
            # A frame's end and a chunk's are two: what stands before `data:` is passed over.
            for line in lines:
                _, found, data = line.partition(b"data: {")
                if found and (word := of(json.loads(b"{" + data))):
                    yield word


if __name__ == "__main__":
    main()
