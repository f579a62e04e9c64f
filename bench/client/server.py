"""Serves the page, and sends the deltas at their pace: `python -m bench.client.server`."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask_stream import sse

from .answer import DELTA, answer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STATIC = ROOT / "flask_stream" / "static"
NPM = ROOT / "js" / "node_modules"
WRITES_A_SECOND = 100  # each with as many deltas as are due

FILES = {
    "/": HERE / "page.html",
    "/contenders.js": HERE / "contenders.js",
    "/npm/dompurify.js": NPM / "dompurify/dist/purify.es.mjs",
    "/npm/marked.js": NPM / "marked/lib/marked.esm.js",
    "/npm/streaming-markdown.js": NPM / "streaming-markdown/smd.min.js",
    **{f"/{file.name}": file for file in STATIC.iterdir()},
}
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css"}


def writes(deltas: int, rate: int) -> list[bytes]:
    """The whole stream, in the pieces that are written."""
    text = answer(deltas * DELTA)
    frames = [
        sse.encode("text", {"text": text[start : start + DELTA]})
        for start in range(0, len(text), DELTA)
    ]
    each = rate // WRITES_A_SECOND
    pieces = [b"".join(frames[start : start + each]) for start in range(0, len(frames), each)]
    length = len(text.encode("utf-16-le")) // 2
    done = sse.encode("done", {"stop_reason": "stop", "text_length": length})
    return [sse.encode("start", {"id": "bench"}), *pieces, done]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/stream":
            query = parse_qs(url.query)
            self._stream(int(query["deltas"][0]), int(query["rate"][0]))
        elif url.path in FILES:
            self._file(FILES[url.path])
        else:
            self.send_error(404)

    def _stream(self, deltas: int, rate: int) -> None:
        pieces = writes(deltas, rate)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        begun = time.perf_counter()
        for number, piece in enumerate(pieces):
            # By the clock, not by the last write: a write that was late is made up for.
            time.sleep(max(0.0, begun + number / WRITES_A_SECOND - time.perf_counter()))
            self.wfile.write(piece)

    def _file(self, file: Path) -> None:
        body = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", TYPES.get(file.suffix, "text/javascript"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
