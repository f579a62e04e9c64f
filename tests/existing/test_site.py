"""Streams in an app that has what apps have: nothing of it is lost, and nothing runs dry."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import said
from tests.existing.serving import POOL, Site, User, events_of
from tests.provider import Exchange, Provider
from tests.servers.running import DEADLINE, until
from tests.servers.talk import ANTHROPIC

HEAD, TAIL, word = ANTHROPIC.head, ANTHROPIC.tail, ANTHROPIC.word

SignIn = Callable[[str], User]

STREAMS = 20


def question_of(exchange: Exchange) -> str:
    question: str = exchange.body["messages"][-1]["content"]
    return question


def echo(exchange: Exchange) -> None:
    exchange.start()
    exchange.send(HEAD + word("You said: ") + word(question_of(exchange)) + TAIL)
    exchange.end()


class Held:
    """A provider that says one word, then nothing until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("You said: "))
        self.begun.release()
        self.let_go.wait()  # however long its streams take to begin, all of them
        exchange.send(word(question_of(exchange)) + TAIL)
        exchange.end()


def test_twenty_streams_share_a_pool_of_two_connections(
    site: Site, speaking: Provider, sign_in: SignIn
) -> None:
    assert POOL == 2
    held = Held()
    speaking.run(held)
    users = {name: sign_in(name) for name in (f"user-{n}" for n in range(STREAMS))}
    somebody = sign_in("somebody else")

    def ask(name: str) -> list[tuple[str, Any]]:
        return list(events_of(users[name].ask("/chat", f"I am {name}")))

    with ThreadPoolExecutor(STREAMS) as threads:
        answers = {name: threads.submit(ask, name) for name in users}

        def one_more_begins() -> bool:
            for ended in (answer for answer in answers.values() if answer.done()):
                raise AssertionError(f"ended before its time: {ended.result()}")
            return held.begun.acquire(blocking=False)

        try:
            for _ in users:
                until(one_more_begins, lambda: site.log)
            # All of them are open now, and the database still answers.
            assert somebody.me() == {"name": "somebody else", "asked": None, "turns": []}
        finally:
            held.let_go.set()
    for name, user in users.items():
        events = answers[name].result()
        answer = f"You said: I am {name}"
        assert (said(events), events[-1][0]) == (answer, "done")
        assert user.me() == {
            "name": name,
            "asked": 1,
            "turns": [[f"I am {name}", answer, "complete", name]],
        }


@pytest.mark.parametrize("path", ["/chat", "/steps"])
def test_the_next_question_comes_with_what_was_said_before(
    speaking: Provider, sign_in: SignIn, path: str
) -> None:
    speaking.run(echo)
    user = sign_in(f"curious {path}")
    for question in ("Why?", "And then?"):
        events = list(events_of(user.ask(path, question)))
        assert events[-1][0] == "done"
    assert [message["content"] for message in speaking.requests[-1]["messages"]] == [
        *("Why?", "You said: Why?", "And then?")
    ]
    assert user.me()["asked"] == 2


def test_a_generator_uses_the_database_before_and_after_the_providers_words(
    speaking: Provider, sign_in: SignIn
) -> None:
    speaking.run(echo)
    events = list(events_of(sign_in("steps").ask("/steps", "Why?")))
    own = [(kind, data) for kind, data in events if kind in ("looked_up", "saved")]
    assert own == [("looked_up", {"turns": 1}), ("saved", {"by": "steps"})]


def test_a_session_change_is_there_while_the_stream_goes_on(
    speaking: Provider, sign_in: SignIn
) -> None:
    held = Held()
    speaking.run(held)
    user = sign_in("in two tabs")
    answer = user.ask("/chat", "Why?")
    try:
        assert held.begun.acquire(timeout=DEADLINE)
        assert user.me()["asked"] == 1
    finally:
        held.let_go.set()
    assert list(events_of(answer))[-1][0] == "done"
    assert user.me()["asked"] == 1


def test_a_reader_who_leaves_has_half_an_answer_saved_under_their_name(
    site: Site, speaking: Provider, sign_in: SignIn
) -> None:
    gone: list[bool] = []

    def stay_silent(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("As far as here"))
        gone.append(exchange.gone(DEADLINE))

    speaking.run(stay_silent)
    user = sign_in("impatient")
    answer = user.ask("/chat", "Why?", headers={"X-Request-ID": "left"})
    assert next(data for kind, data in events_of(answer) if kind == "text")
    answer.close()
    saved = until(lambda: [turn for turn in user.me()["turns"] if turn[1]], "nothing was saved")
    assert saved == [["Why?", "As far as here", "disconnected", "impatient"]]
    assert until(lambda: gone, "the provider still has its connection") == [True]
    assert site.teardowns("left") == 1


@pytest.mark.parametrize("path", ["/chat", "/steps"])
def test_a_request_is_torn_down_once(
    site: Site, speaking: Provider, sign_in: SignIn, path: str
) -> None:
    speaking.run(echo)
    user = sign_in("orderly")
    list(events_of(user.ask(path, "Why?", headers={"X-Request-ID": f"torn {path}"})))
    user.get("/token", headers={"X-Request-ID": f"after {path}"})
    assert site.teardowns(f"after {path}") == 1
    assert site.teardowns(f"torn {path}") == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "gzip, deflate, br, zstd"])
def test_no_compression_holds_words_back(
    speaking: Provider, sign_in: SignIn, encoding: str
) -> None:
    held = Held()
    speaking.run(held)
    answer = sign_in("zipped").ask("/chat", "Why?", headers={"Accept-Encoding": encoding})
    assert answer.headers["Content-Encoding"] == "identity"
    events = events_of(answer)
    try:
        first = next(data for kind, data in events if kind == "text")
        assert not held.let_go.is_set()
        assert first == {"text": "You said: "}
    finally:
        held.let_go.set()
    assert list(events)[-1][0] == "done"


def test_a_whole_answer_is_compressed_as_ever(speaking: Provider, sign_in: SignIn) -> None:
    speaking.run(echo)
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    answer = sign_in("whole").ask("/chat", "Why?", headers=headers)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["text"] == "You said: Why?"


def test_a_limit_is_each_users_own_and_is_told_as_an_error(sign_in: SignIn) -> None:
    eager, other = sign_in("eager"), sign_in("other")
    statuses = [eager.post("/limited").status_code for _ in range(5)]
    assert statuses == [200] * 5
    refused = eager.post("/limited")
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["message"] == "5 per 1 minute"
    assert other.post("/limited").status_code == 200


def test_a_limit_above_the_streams_decorator_answers_with_flasks_page(sign_in: SignIn) -> None:
    user = sign_in("page")
    statuses = [user.post("/limited-page").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert user.post("/limited-page").headers["Content-Type"].startswith("text/html")


def test_a_trusted_origin_may_ask_and_read_the_stream_if_flask_cors_lets_it(
    speaking: Provider, sign_in: SignIn
) -> None:
    speaking.run(echo)
    page = {"Origin": "https://page.example"}
    user = sign_in("from afar")
    asking = {**page, "Access-Control-Request-Method": "POST"}
    allowed = user.options("/chat", headers=asking)
    assert allowed.ok
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    answer = user.ask("/chat", "Why?", headers={**page, "Sec-Fetch-Site": "cross-site"})
    assert answer.headers["Access-Control-Allow-Origin"] == page["Origin"]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert list(events_of(answer))[-1][0] == "done"


@pytest.mark.parametrize("said", [{}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/where"), ("POST", "/chat")])
def test_a_site_that_is_not_trusted_is_refused_whatever_flask_cors_says(
    speaking: Provider, sign_in: SignIn, method: str, path: str, said: dict[str, str]
) -> None:
    before = len(speaking.requests)
    headers = {"Origin": "https://reader.example", **said}
    refused = sign_in("lured").request(method, path, headers=headers, data={"question": "Why?"})
    assert refused.status_code == 403
    assert "STREAM_TRUSTED_ORIGINS" in refused.json()["message"]
    assert refused.headers["Access-Control-Allow-Origin"] == "https://reader.example"
    assert len(speaking.requests) == before


def test_behind_a_proxy_the_origin_is_held_against_the_outer_address(sign_in: SignIn) -> None:
    outside = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example"}
    user = sign_in("outside")
    for origin, status in (("https://chat.example", 200), (user.site.base, 403)):
        answer = user.get("/where", headers={**outside, "Origin": origin})
        assert answer.status_code == status


def test_a_post_needs_the_csrf_token(speaking: Provider, sign_in: SignIn) -> None:
    speaking.run(echo)
    user = sign_in("forged")
    token = str(user.headers.pop("X-CSRFToken"))
    before = len(speaking.requests)
    refused = user.ask("/chat", "Why?")
    assert refused.status_code == 400
    assert "CSRF token is missing" in refused.text
    assert len(speaking.requests) == before
    by_header = user.ask("/chat", "Why?", headers={"X-CSRFToken": token})
    assert list(events_of(by_header))[-1][0] == "done"
    by_field = user.post("/chat", data={"question": "Why?", "csrf_token": token})
    assert "event: done" in by_field.text


def test_who_is_not_signed_in_is_sent_to_sign_in(site: Site, speaking: Provider) -> None:
    before = len(speaking.requests)
    with User(site) as nobody:
        nobody.headers["X-CSRFToken"] = nobody.get("/token").json()["token"]
        answer = nobody.ask("/chat", "Why?")
        assert answer.text == "Who are you?"
        assert [hop.status_code for hop in answer.history] == [302]
    assert len(speaking.requests) == before


def test_behind_a_proxy_the_stream_knows_the_outer_address(site: Site) -> None:
    headers = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "chat.example",
    }
    with User(site) as user, user.get("/where", headers=headers, stream=True) as answer:
        events = list(events_of(answer))
    assert said(events) == "203.0.113.7 asked for https://chat.example/where"
