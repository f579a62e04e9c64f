"""A provider that is far away: TLS in front of the bench's provider, and before that a delay.

`python -m bench.server.slow_link FD PORT CERTIFICATE MILLISECONDS` serves that listener: bytes
come out half of the milliseconds later than they went in, in both directions, and what a client
sends first another whole later, since a connection takes one round trip to be there. Told SIGUSR1,
it closes all connections.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
from asyncio import StreamReader, StreamWriter


class Link:
    def __init__(self, port: int, certificate: str, round_trip: float) -> None:
        self._provider = port
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate)
        self._round_trip = round_trip
        self._behind = 0
        self._writers: set[StreamWriter] = set()

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._cut)
        behind = await asyncio.start_server(self._end_tls, "127.0.0.1", 0, ssl=self._tls)
        self._behind = behind.sockets[0].getsockname()[1]
        delaying = await asyncio.start_server(self._delay, sock=listener)
        await delaying.serve_forever()

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.close()

    async def _delay(self, reader: StreamReader, writer: StreamWriter) -> None:
        connected = asyncio.get_running_loop().time() + self._round_trip
        await self._join(reader, writer, self._behind, connected, self._round_trip / 2)

    async def _end_tls(self, reader: StreamReader, writer: StreamWriter) -> None:
        await self._join(reader, writer, self._provider, 0.0, 0.0)

    async def _join(
        self, reader: StreamReader, writer: StreamWriter, port: int, not_before: float, delay: float
    ) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers |= {writer, there_writer}
        await asyncio.gather(
            carry(reader, there_writer, not_before, delay),
            carry(there_reader, writer, 0.0, delay),
        )
        self._writers -= {writer, there_writer}


async def carry(
    reader: StreamReader, writer: StreamWriter, not_before: float, delay: float
) -> None:
    """What is read is written `delay` seconds later: in order, and nothing waits for another."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        data = b"begun"
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            await under_way.put((max(loop.time(), not_before) + delay, data))

    reading = asyncio.create_task(read())
    while True:
        due, data = await under_way.get()
        await asyncio.sleep(due - loop.time())
        if not data:
            break
        writer.write(data)
    writer.close()
    await reading


def main() -> None:
    fd, port, certificate, milliseconds = sys.argv[1:]
    link = Link(int(port), certificate, float(milliseconds) / 1000)
    asyncio.run(link.serve(socket.socket(fileno=int(fd))))


if __name__ == "__main__":
    main()
