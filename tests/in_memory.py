"""A provider without a network: the real SDKs and `requests` read bodies that are made here.

What a body is made of, the reader gets piece by piece, however small: on a real connection the
pieces of a fast provider run together.
"""

from __future__ import annotations

import http.client
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import requests
import urllib3
from requests.adapters import HTTPAdapter

from tests.provider import KEY, PATHS, Clients

BASE = "http://in.memory"


def zipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """With gzip, as a provider does it: what is there is sent, and not kept for more."""
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        yield packing.compress(piece) + packing.flush(zlib.Z_SYNC_FLUSH)
    yield packing.flush()


class InMemory(Clients):
    """Answers every request with `pieces`, one after the other."""

    base = BASE

    def __init__(self, pieces: Iterable[bytes], encoding: str | None = None) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._headers = {"Content-Type": "text/event-stream"}
        if encoding:
            self._headers["Content-Encoding"] = encoding
        client = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        options: Any = {"api_key": KEY, "max_retries": 0, "http_client": client}
        self.anthropic = anthropic.Anthropic(base_url=BASE, **options)
        self.openai = openai.OpenAI(base_url=f"{BASE}/v1", **options)

    def __enter__(self) -> InMemory:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_clients()

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=self._headers, content=iter(self._pieces))

    def post(self, wire: str, model: str = "m", stream: bool = True) -> requests.Response:
        with requests.Session() as session:
            session.mount(BASE, _Adapter(self._headers, self._pieces))
            return session.post(BASE + PATHS[wire], json={"model": model}, stream=stream)


class _Adapter(HTTPAdapter):
    """What reads HTTP below `requests` is given a connection's bytes."""

    def __init__(self, headers: dict[str, str], pieces: list[bytes]) -> None:
        super().__init__()
        head = {**headers, "Transfer-Encoding": "chunked"}
        lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""]]
        self._bytes = "\r\n".join(lines).encode() + b"".join(chunks)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = http.client.HTTPResponse(self, method="POST")
        answer.begin()
        raw = urllib3.HTTPResponse(
            answer,
            urllib3.HTTPHeaderDict(answer.msg.items()),
            answer.status,
            preload_content=False,
            decode_content=False,
            original_response=answer,
            request_method="POST",
        )
        return self.build_response(request, raw)

    def makefile(self, mode: str) -> io.BufferedIOBase:
        """As a socket's."""
        return io.BytesIO(self._bytes)
