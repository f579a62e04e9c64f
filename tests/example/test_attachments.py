"""Files that go with a question, through Flask's own test client."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app.attachments import MOST_BYTES, MOST_OF_CONVERSATION, type_of
from tests.example.asking import (
    BY_A_BROWSER,
    Listener,
    asked_again,
    chat,
    post,
    questions,
    token,
    turns,
    words,
)

PNG = b"\x89PNG\r\n\x1a\n...."


@pytest.fixture
def client(reader: FlaskClient) -> FlaskClient:
    return reader


def files(*given: tuple[str, bytes]) -> dict[str, Any]:
    return {"fields": {"files": [(BytesIO(data), name) for name, data in given]}}


def test_the_canned_provider_says_what_it_was_sent(client: FlaskClient) -> None:
    given = files(("a picture.png", PNG), ("notes.txt", "é".encode()))
    response = post(client, "/chat", "Read these", **given)

    assert "- **a picture.png**, 12 B\n- **notes.txt**, 2 B\n" in words(response)


def test_a_field_for_files_in_which_none_was_chosen_holds_none(
    app: Flask, client: FlaskClient
) -> None:
    """A browser without JavaScript sends an empty one, without a name."""
    listener = Listener(app, ["Read."])
    fields = {"csrf_token": token(client), "question": "Read it"}
    parts = [f'form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    empty = 'form-data; name="files"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
    body = "".join(f"--x\r\nContent-Disposition: {part}\r\n" for part in [*parts, empty])
    response = client.post(
        chat(client),
        data=f"{body}--x--\r\n".encode(),
        content_type="multipart/form-data; boundary=x",
        headers={"Accept": "text/event-stream"},
    )

    assert words(response) == "Read."
    assert listener.asked[0][0]["content"] == "Read it"
    assert 'data-chat="files"' not in client.get(chat(client)).text


def test_the_names_are_in_the_saved_turn_and_the_model_is_told_again(
    app: Flask, client: FlaskClient
) -> None:
    listener = Listener(app, ["Read."], ["Again."])
    post(client, "/chat", "Read it", **files(("<b>.txt", b"ABC"))).get_data()
    assert turns(client) == [("user", "Read it"), ("model", "Read.")]
    assert '<li dir="auto">&lt;b&gt;.txt</li>' in client.get(chat(client)).text

    post(client, "/chat", "And?").get_data()
    first = listener.asked[1][0]["content"]
    assert first == [
        {"type": "text", "text": "<b>.txt:"},
        {"type": "file", "data": b"ABC"},
        {"type": "text", "text": "Read it"},
    ]


def test_a_question_that_is_asked_again_from_a_new_page_keeps_its_files(
    app: Flask, client: FlaskClient
) -> None:
    listener = Listener(app, *(["Read."],) * 3)
    asked_again(client, "a", 1, "Read it", **files(("a.txt", b"ABC"))).get_data()
    asked_again(client, "a", 2, "Read it well").get_data()
    assert listener.asked[1][0]["content"][1]["data"] == b"ABC"
    asked_again(client, "a", 3, "Read it well", **files(("b.txt", b"DEF"))).get_data()
    assert listener.asked[2][0]["content"][1]["data"] == b"DEF"
    assert client.get(chat(client)).text.count('<li dir="auto">') == 1


TOO_LARGE = "b.txt is too large: 2 MB at most."


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ([("a.txt", b"ABC"), ("b.txt", b"x" * (MOST_BYTES + 1))], 413, TOO_LARGE),
        ([("a.exe", b"MZ\0")], 415, "a.exe is neither a picture nor a PDF nor text."),
        ([("a.png", b"")], 415, "a.png is neither a picture nor a PDF nor text."),
        ([("a.txt", b"ABC")] * 5, 413, "Attach at most 4 files to a question."),
        (
            [("a.txt", b"x" * 10_000_000)],
            413,
            "These files are too large: 2 MB at most for each.",
        ),
    ],
)
@pytest.mark.parametrize("accept", ["text/event-stream", BY_A_BROWSER])
def test_what_cannot_be_read_is_refused_in_words(
    client: FlaskClient, given: list[tuple[str, bytes]], status: int, words: str, accept: str
) -> None:
    response = post(client, "/chat", "Read it", accept, **files(*given))

    assert response.status_code == status
    if accept == BY_A_BROWSER:
        assert f">{words}</p>" in response.text
    else:
        assert response.json["message"] == words
    assert questions(client) == []


def test_a_conversation_has_room_for_some_files_only(app: Flask, client: FlaskClient) -> None:
    Listener(app, *(["Read."],) * 9)
    most = b"x" * MOST_BYTES
    for _ in range(MOST_OF_CONVERSATION // MOST_BYTES // 2):
        post(client, "/chat", "Read", **files(("a.txt", most), ("b.txt", most))).get_data()
    response = post(client, "/chat", "Read", **files(("c.txt", b"ABC")))

    assert response.status_code == 413
    assert "no room for more files" in response.json["message"]
    assert post(client, "/chat", "Without").status_code == 200


@pytest.mark.parametrize(
    ("data", "type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE\xff", None),
        (b"%PDF-1.7", "application/pdf"),
        ("a, b\r\nç".encode(), "text/plain"),
        (b"a\0b", None),
        (b"\xff\xfe", None),
        (b"  \n", None),
    ],
)
def test_what_a_file_is_is_told_by_what_is_in_it(data: bytes, type: str | None) -> None:
    assert type_of(data) == type


def test_a_name_is_the_last_of_a_path_and_not_too_long(client: FlaskClient) -> None:
    name = "x" * 200 + ".txt"
    post(client, "/chat", "Read", **files((f"C:\\folder/{name}", b"ABC"))).get_data()

    assert f'<li dir="auto">{name[-100:]}</li>' in client.get(chat(client)).text
