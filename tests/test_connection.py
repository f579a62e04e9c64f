"""The client's connection, as the server shows it: who has left, and what is put back."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_stream.server import Connection
from tests.servers.client import DEADLINE, RESET_AT_CLOSE
from tests.servers.running import until

COMMENT = b": \n\n"


class Pair:
    """Both ends of a connection over loopback, and ours as the environ names it."""

    def __init__(self, buffer: int | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.socket()
            if buffer is not None:
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.client.settimeout(DEADLINE)
            self.client.connect(listener.getsockname())
            self.server, _ = listener.accept()
        self.connection = Connection({"gunicorn.socket": self.server})

    def beats(self) -> None:
        """Let comments be sent, as where the format has them."""
        self.connection.beat = lambda: self.server.sendall(COMMENT)

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


# -- TCP_USER_TIMEOUT -------------------------------------------------------------------------


def user_timeout(sock: socket.socket) -> int:
    """In milliseconds; 0 is the system's own."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


@pytest.mark.parametrize("before", [0, 7000])
def test_the_time_limit_is_put_back_for_the_requests_that_follow(pair: Pair, before: int) -> None:
    pair.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, before)
    for _ in range(2):  # a kept-alive connection has one stream after another
        connection = Connection({"gunicorn.socket": pair.server})
        connection.limit(1.5)
        assert user_timeout(pair.server) == 1500
        connection.release()
        assert user_timeout(pair.server) == before


def test_a_second_limit_does_not_hide_what_was_there_before(pair: Pair) -> None:
    pair.connection.limit(1)
    pair.connection.limit(2)
    pair.connection.release()
    pair.connection.release()
    assert user_timeout(pair.server) == 0


def test_as_short_a_limit_as_may_be_is_not_none(pair: Pair) -> None:
    pair.connection.limit(0.0001)
    assert user_timeout(pair.server) == 1


def test_a_limit_that_was_not_set_is_not_put_back(pair: Pair) -> None:
    pair.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 7000)
    pair.connection.release()
    assert user_timeout(pair.server) == 7000


def test_a_connection_that_is_no_tcp_has_no_limit() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = Connection({"gunicorn.socket": ours})
        connection.limit(1)
        connection.release()
        assert not connection.has_left()


def test_a_connection_that_is_closed_meanwhile_is_no_error(pair: Pair) -> None:
    pair.connection.limit(1)
    pair.server.close()
    pair.connection.release()
    pair.connection.hang_up()
    late = Connection({"gunicorn.socket": pair.server})
    late.limit(1)
    late.release()


@pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
def test_both_servers_names_for_the_socket_are_known(pair: Pair, key: str) -> None:
    assert Connection({key: pair.server}).socket is pair.server
    assert Connection({key: pair.server}).fileno == pair.server.fileno()


@pytest.mark.parametrize("environ", [{}, {"SERVER_PROTOCOL": "HTTP/2.0"}])
def test_where_there_is_no_connection_of_the_runs_own_nothing_is_touched(
    pair: Pair, environ: dict[str, Any]
) -> None:
    if environ:  # HTTP/2: the socket is there, and carries other requests too
        environ = {**environ, "gunicorn.socket": pair.server}
    connection = Connection(environ)
    assert connection.socket is None
    assert connection.fileno == -1
    connection.limit(1)
    connection.hang_up()
    connection.release()
    pair.server.sendall(b"still open")
    assert pair.client.recv(100) == b"still open"


# -- who has left -----------------------------------------------------------------------------


def readable(pair: Pair, events: int = select.POLLRDHUP) -> None:
    """Wait until the server's end knows what the client has done."""
    poll = select.poll()
    poll.register(pair.server, events)
    until(lambda: poll.poll(0), "the client's end has not been noticed")


def test_a_client_that_is_there_has_not_left(pair: Pair) -> None:
    assert not pair.connection.has_left()
    pair.beats()
    assert not pair.connection.has_left()
    pair.client.sendall(b"bytes of the next request")
    readable(pair, select.POLLIN)
    assert not pair.connection.has_left()


def test_a_reset_is_a_client_that_has_left(pair: Pair) -> None:
    pair.beats()
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    pair.client.close()
    readable(pair, select.POLLERR | select.POLLHUP)
    assert pair.connection.has_left()


def test_a_fin_is_a_client_that_has_left_where_no_comment_can_ask_it(pair: Pair) -> None:
    pair.client.close()
    readable(pair)
    assert pair.connection.has_left()


def test_after_a_fin_a_comment_asks_whether_anybody_reads(pair: Pair) -> None:
    pair.beats()
    pair.client.close()
    readable(pair)
    assert not pair.connection.has_left()  # yet: the answer to the comment is on its way
    until(pair.connection.has_left, "the closed end has not answered with a RST")


def test_a_client_that_half_closes_gets_one_comment_and_stays(pair: Pair) -> None:
    pair.beats()
    pair.client.shutdown(socket.SHUT_WR)
    readable(pair)
    for _ in range(5):
        assert not pair.connection.has_left()
    pair.server.sendall(b"end")
    received = b""
    while not received.endswith(b"end"):
        received += pair.client.recv(100)
    assert received == COMMENT + b"end"


def test_a_half_closed_client_that_takes_nothing_is_asked_later() -> None:
    pair = Pair(buffer=2048)
    pair.beats()
    filled = fill(pair.server)
    pair.client.shutdown(socket.SHUT_WR)
    readable(pair)
    try:
        assert not pair.connection.has_left()  # and it has not waited for room
        taken = 0
        while taken < filled:
            taken += len(pair.client.recv(1 << 20))
        until(pair.connection.can_take, "there is no room")
        assert not pair.connection.has_left()
        assert pair.client.recv(100) == COMMENT
    finally:
        pair.close()


def test_an_end_that_is_closed_on_our_side_has_left(pair: Pair) -> None:
    pair.server.close()
    assert pair.connection.has_left()
    assert not pair.connection.can_take()


# -- room, and hanging up ---------------------------------------------------------------------


def fill(sock: socket.socket) -> int:
    """Write until there is no room; gives how much that was."""
    sock.setblocking(False)
    filled = 0
    try:
        while True:
            filled += sock.send(b"x" * 65536)
    except BlockingIOError:
        return filled
    finally:
        sock.setblocking(True)


def test_there_is_room_for_a_comment_until_the_buffers_are_full() -> None:
    pair = Pair(buffer=2048)
    try:
        assert not pair.connection.can_take()  # of a format that has no comments
        pair.beats()
        assert pair.connection.can_take()
        fill(pair.server)
        assert not pair.connection.can_take()
    finally:
        pair.close()


def test_hanging_up_wakes_a_writer_that_is_stuck() -> None:
    pair = Pair(buffer=2048)
    ended: list[BaseException] = []

    def write() -> None:
        try:
            while True:
                pair.server.sendall(b"x" * 65536)
        except OSError as error:
            ended.append(error)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        pair.beats()
        until(lambda: not pair.connection.can_take(), "the buffers are not full")
        pair.connection.hang_up()
        writer.join(DEADLINE)
        assert len(ended) == 1
        assert isinstance(ended[0], BrokenPipeError)
    finally:
        pair.close()


def test_a_connection_that_was_released_can_send_no_comment(pair: Pair) -> None:
    pair.beats()
    pair.connection.release()
    assert pair.connection.beat is None
    assert not pair.connection.can_take()
