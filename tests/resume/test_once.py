"""`Idempotency-Key`: a request that is sent twice is answered once, and both see the same run."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import Any

import pytest

from flask_stream import StreamFailed, once, resumable, watch
from flask_stream.limits import run_places
from tests.resume.conftest import DEADLINE, Paced, ResumableSite, events_of, eventually, said

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
WORDS = ["Three ", "short ", "words."]


def test_a_second_request_follows_the_first_ones_run(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    first, second = (events_of(reader.post("/", headers=KEY)) for _ in range(2))
    assert first[0].run == second[0].run
    assert said(first) == said(second) == "".join(WORDS)
    assert (site.asked, len(site.finished)) == (1, 1)


def test_requests_at_once_are_one(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    site.view(words)
    reader = site.reader()
    reader.get("/", headers={"Last-Event-ID": "none"})
    with reader.session_transaction() as session:
        session["_flask_stream"] = "known before the first request"
    cookies = reader.get_cookie("session")
    assert cookies is not None
    answers: list[Any] = []

    def ask() -> None:
        client = site.app.test_client()
        client.set_cookie("session", cookies.value)
        answers.append(events_of(client.post("/", headers=KEY)))

    asking = [threading.Thread(target=ask) for _ in range(6)]
    for thread in asking:
        thread.start()
    words.let(len(WORDS))
    for thread in asking:
        thread.join(DEADLINE)
    assert {events[0].run for events in answers} == {answers[0][0].run}
    assert {said(events) for events in answers} == {"".join(WORDS)}
    assert len(answers) == 6
    assert site.asked == 1


def test_the_key_is_an_owners_and_a_routes(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    other = site.stream.response(resumable=True)(lambda: iter(["Other."]))
    site.app.add_url_rule("/other", "other", other, methods=["POST"])
    reader = site.reader()
    assert said(events_of(reader.post("/", headers=KEY))) == "".join(WORDS)
    assert said(events_of(site.reader().post("/", headers=KEY))) == "".join(WORDS)
    assert said(events_of(reader.post("/other", headers=KEY))) == "Other."
    assert site.asked == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"json": {"a": 1}}, {"json": {"a": 2}}),
        ({"data": {"a": "1"}}, {"data": {"a": "2"}}),
        ({"data": {"a": "1"}}, {"data": {"b": "1"}}),
        ({"data": {"a": "1", "b": ""}}, {"data": {"a": "1"}}),
        ({"data": {"a": "12", "b": "3"}}, {"data": {"a": "1", "b": "23"}}),
        ({"query_string": {"a": "1"}}, {"query_string": {"a": "2"}}),
        ({"data": {"f": ("one", "f")}}, {"data": {"f": ("two", "f")}}),
        ({"data": {"f": ("one", "f")}}, {"data": {"f": ("one", "g")}}),
    ],
)
def test_a_key_of_another_request_is_refused(
    site: ResumableSite, one: dict[str, Any], other: dict[str, Any]
) -> None:
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    events_of(reader.post("/", headers=KEY, **with_files(one)))
    answer = reader.post("/", headers=KEY, **with_files(other))
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.get_json()["message"]
    assert site.asked == 1


def with_files(asked: dict[str, Any]) -> dict[str, Any]:
    """What is a pair there is a file's text and name."""
    fields = asked.get("data", {})
    made = {
        name: (BytesIO(value[0].encode()), value[1]) if isinstance(value, tuple) else value
        for name, value in fields.items()
    }
    return asked | {"data": made} if fields else asked


def test_a_form_that_is_sent_again_has_other_boundaries(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    for boundary in ("one", "another"):
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nHello\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n'
            f"Content-Type: text/plain\r\n\r\nA file\r\n--{boundary}--\r\n"
        )
        answer = reader.post(
            "/",
            headers=KEY,
            data=body.encode(),
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        assert said(events_of(answer)) == "".join(WORDS)
    assert site.asked == 1


@pytest.mark.parametrize("key", ["", " ", "k" * 256])
def test_a_key_that_is_none_is_told(site: ResumableSite, key: str) -> None:
    site.view(lambda: iter(WORDS))
    answer = site.reader().post("/", headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "between 1 and 255 characters" in answer.get_json()["message"]
    assert site.asked == 0


def test_a_refusal_is_none_and_may_be_asked_again(site: ResumableSite) -> None:
    def view() -> Any:
        if site.asked == 1:
            raise StreamFailed("Not now", error_code="quota", status=402)
        return iter(WORDS)

    site.view(view)
    reader = site.reader()
    assert reader.post("/", headers=KEY).status_code == 402
    assert said(events_of(reader.post("/", headers=KEY))) == "".join(WORDS)


def test_who_waits_for_a_request_that_is_refused_asks_itself(site: ResumableSite) -> None:
    """The second one comes while the first one's view is at work, which then refuses."""
    is_at_work, may_go = threading.Event(), threading.Event()

    def view() -> Any:
        if site.asked == 1:
            is_at_work.set()
            assert may_go.wait(DEADLINE)
            raise StreamFailed("Not now", error_code="quota", status=402)
        return iter(WORDS)

    site.view(view)
    site.stream.owner(lambda: "ann")
    answers: dict[str, Any] = {}

    def ask(name: str) -> None:
        answers[name] = site.reader().post("/", headers=KEY)

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    assert is_at_work.wait(DEADLINE)
    second = threading.Thread(target=ask, args=("second",))
    second.start()
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    eventually(lambda: sum(keeper._reader.counts().values()))
    may_go.set()
    first.join(DEADLINE)
    second.join(DEADLINE)
    assert answers["first"].status_code == 402
    assert said(events_of(answers["second"])) == "".join(WORDS)


def test_a_view_may_read_the_body_itself(site: ResumableSite) -> None:
    from flask import request

    bodies = []

    def view() -> Any:
        bodies.append(request.stream.read())
        return iter(WORDS)

    site.view(view)
    site.reader().post("/", headers=KEY, data=b"raw", content_type="application/octet-stream")
    site.reader().post("/", data=b"raw", content_type="application/octet-stream")
    assert bodies == [b"raw", b"raw"]


def test_the_body_can_be_read_after_the_request(site: ResumableSite) -> None:
    from flask import request

    def view() -> Any:
        yield "begins "
        yield request.form["prompt"]
        yield request.files["f"].read().decode()

    site.view(view)
    answer = site.reader().post("/", data={"prompt": "Hello ", "f": (BytesIO(b"there"), "f.txt")})
    assert said(events_of(answer)) == "begins Hello there"


@pytest.mark.parametrize("headers", [KEY, {}])
def test_a_body_that_is_too_large_to_be_kept_is_told(
    site: ResumableSite, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_MOST_RAW", 100_000)
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    fits = {"data": b"x" * 100_000, "content_type": "application/octet-stream"}
    assert said(events_of(reader.post("/", headers={"Idempotency-Key": "a"}, **fits))) == "".join(
        WORDS
    )
    fits["data"] += b"x"
    answer = reader.post("/", headers=headers, **fits)
    assert answer.status_code == 413
    assert "100000 bytes" in answer.get_json()["message"]


def test_a_body_that_was_read_before_the_view_counts(site: ResumableSite) -> None:
    from flask import request

    site.app.before_request(lambda: request.get_data() and None)
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    assert reader.post("/", headers=KEY, json={"a": 1}).status_code == 200
    assert reader.post("/", headers=KEY, json={"a": 2}).status_code == 422


def test_a_body_of_json_can_be_read_as_ever(site: ResumableSite) -> None:
    from flask import request

    def view() -> Any:
        yield request.get_json()["a"]
        yield request.get_data(as_text=True)

    site.view(view)
    for headers in (KEY, {}):
        answer = site.reader().post("/", headers=headers, json={"a": "b"})
        assert said(events_of(answer)) == 'b{"a": "b"}'


@pytest.mark.parametrize("headers", [KEY, {}])
def test_a_file_that_a_generator_has_begun_to_read_goes_on_where_it_was(
    site: ResumableSite, headers: dict[str, str]
) -> None:
    from flask import request

    def form() -> Any:
        stream = request.files["f"].stream
        yield stream.read(3).decode()
        yield stream.read().decode()

    def raw() -> Any:
        yield request.stream.read(3).decode()
        yield request.stream.read().decode()

    site.view(lambda: form() if request.files else raw())
    reader = site.reader()
    answer = reader.post("/", headers=headers, data={"f": (BytesIO(b"abcdef"), "f.txt")})
    assert said(events_of(answer)) == "abcdef"
    answer = site.reader().post("/", headers=headers, data=b"abcdef", content_type="text/plain")
    assert said(events_of(answer)) == "abcdef"


def test_what_is_refused_leaves_no_run_behind(
    site: ResumableSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_MOST_RAW", 10)
    site.view(lambda: iter(WORDS))
    site.reader().post("/", data=b"x" * 100, content_type="text/plain")
    site.reader().post("/", headers={"Idempotency-Key": ""})
    monkeypatch.setattr(resumable, "_first_response", None)  # what fails behind the opening
    assert site.reader().post("/").status_code == 500
    assert [result.outcome for result in site.finished] == ["disconnected"]
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    assert keeper.log.alive() == []
    assert keeper._reader._feeds == {}
    assert run_places().taken == 0
    assert not any(run.result.id is None or not run.over for run in watch.watcher()._runs)
