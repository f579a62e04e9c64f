"""How a Redis is connected to: the URL, TLS, who may; and what is said where it cannot be."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from flask_stream.errors import FlaskStreamError
from flask_stream.logs import redis_server as module
from flask_stream.logs.log import LogError, Write
from flask_stream.logs.redis import RedisLog
from flask_stream.testing.log_case import begun, rows
from tests.conftest import ROOT
from tests.logs.redis_servers import DEADLINE, Server, free_port, redis_binary, running

# With every character that a URL would take for something else.
PASSWORD, IN_URL = "se:c/r?e#t@%", "se%3Ac%2Fr%3Fe%23t%40%25"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told after a while only would hang the test."""
    monkeypatch.setattr(module, "_PATIENCE", 1e9)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with a password; and with users, of whom one may do what a log needs, and one may not."""
    users = tmp_path_factory.mktemp("users") / "users.acl"
    may = "~flask-stream:* +@read +@write +@scripting +@connection +select +time"
    users.write_text(
        f"user default on >{PASSWORD} ~* &* +@all\n"
        f"user app on >{PASSWORD} {may}\n"
        f"user nobody on >{PASSWORD} ~* +ping +select +client\n"
    )
    options = ("--aclfile", str(users))
    with running(redis_binary(), tmp_path_factory.mktemp("redis"), *options) as server:
        yield server


def works(url: str) -> bool:
    with closing(RedisLog(url)) as log:
        claim = begun(log, "r")
        log.write([Write(claim, rows(1))])
        log.wake()
        log.wait({"r": 1}, 0.01)
        log.wait({"r": 1}, 0.01)
        read = log.read("r", 0, 1000)
        log.forget(claim)
        log.expire(0)
        return read == rows(1)


def test_a_password_and_a_user_are_those_of_the_url(server: Server) -> None:
    assert works(f"redis://:{IN_URL}@127.0.0.1:{server.port}")
    assert works(f"redis://app:{IN_URL}@127.0.0.1:{server.port}/0")
    assert works(f"unix://app:{IN_URL}@{server.socket}?db=3")


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("", r"Authentication required"),
        ("app:secret@", r"invalid username-password pair"),
        (f"nobody:{IN_URL}@", r"(?i)permission"),
    ],
    ids=["none", "a wrong one", "one who may not"],
)
def test_who_may_not_is_told_at_once_and_without_the_password(
    server: Server, user: str, said: str
) -> None:
    log = RedisLog(f"redis://{user}127.0.0.1:{server.port}")
    with closing(log), pytest.raises(LogError, match=said) as told:
        log.state("r")
    assert "secret" not in str(told.value)
    assert PASSWORD not in str(told.value)
    assert IN_URL not in repr(log)


def test_a_database_that_is_not_there_is_told_at_once(server: Server) -> None:
    log = RedisLog(f"redis://:{IN_URL}@127.0.0.1:{server.port}/99")
    with closing(log), pytest.raises(LogError, match=r"database 99 cannot be used: .*range"):
        log.state("r")


def test_databases_are_apart(server: Server) -> None:
    one, two = (f"redis://:{IN_URL}@127.0.0.1:{server.port}/{number}" for number in (1, 2))
    with closing(RedisLog(one)) as log, closing(RedisLog(two)) as other:
        claim = begun(log, "r")
        assert other.state("r") is None
        assert other.alive() == []
        log.forget(claim)


# -- TLS ------------------------------------------------------------------------------------


@dataclass
class Tls:
    port: int
    authority: Path


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    binary, folder = redis_binary(), tmp_path_factory.mktemp("tls")
    found = Tls(free_port(), folder / "authority.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(found.authority)
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    options = [
        *("--tls-port", str(found.port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(folder / "own.pem"), "--tls-key-file", str(folder / "own.pem")),
        *("--tls-ca-cert-file", str(found.authority)),
    ]
    tried = subprocess.run(
        [binary, "--port", "0", "--tls-port", "1", "--tls-cert-file", "none"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    if re.search(r"tls-port|finding TLS", tried.stdout + tried.stderr):
        pytest.skip(f"{binary} was built without TLS")
    with running(binary, folder, *options):
        yield found


def test_rediss_is_tls(tls: Tls) -> None:
    assert works(f"rediss://localhost:{tls.port}/0?ssl_ca_certs={tls.authority}")


def test_a_certificate_that_is_not_to_be_trusted_is_told_at_once(tls: Tls) -> None:
    log = RedisLog(f"rediss://localhost:{tls.port}")
    with closing(log), pytest.raises(LogError, match=r"CERTIFICATE_VERIFY_FAILED"):
        log.state("r")


# -- the URL, and redis-py ------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://ann:secret@localhost",
        "redis://ann:secret/word@localhost",  # it has a / that is not %2F
        "redis://localhost?db=secret",
        "redis://localhost?no_such_option=secret",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(FlaskStreamError, match=r"must be like redis://USER:PASSWORD@HOST") as told:
        RedisLog(url)
    assert "secret" not in str(told.value)
    assert told.value.__suppress_context__


def test_what_a_url_says_cannot_break_it(server: Server) -> None:
    more = "decode_responses=1&socket_timeout=0.001&protocol=3&retry_on_timeout=1"
    assert works(f"redis://:{IN_URL}@127.0.0.1:{server.port}/0?{more}")


def test_without_redis_py_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(FlaskStreamError, match=r'pip install "flask-stream-sse\[redis\]"'):
        RedisLog("redis://localhost")


def test_its_modules_do_without_redis_py() -> None:
    code = "import sys, flask_stream.logs.redis; print('redis' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
