"""`stream_chat` and `stream_turns`: what they write into a template."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, abort, render_template_string, request
from flask.views import MethodView
from flask_wtf import CSRFProtect
from markupsafe import Markup
from werkzeug.exceptions import Unauthorized

from flask_stream import FlaskStream, FlaskStreamError, Source, advice
from flask_stream.chat import stream_chat
from flask_stream.turns import stream_turns
from flask_stream.web import digest

URL = "/chat"
CONVERSATION = [
    {"role": "user", "text": "Why?"},
    {"role": "assistant", "text": "**Because**."},
]


class Elements(HTMLParser):
    """All tags of a document with their attributes, and the text in each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self._is_inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))
        self._is_inside = True

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = False

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def all(self, tag: str, **attributes: str | None) -> list[dict[str, Any]]:
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            {**has, "text": text}
            for found, has, text in self.found
            if found == tag and wanted.items() <= has.items()
        ]

    def one(self, tag: str, **attributes: str | None) -> dict[str, Any]:
        (element,) = self.all(tag, **attributes)
        return element

    @property
    def turns(self) -> list[dict[str, Any]]:
        return [each for each in self.all("div") if "data-turn" in each]


KEYED = {"resumable": True, "key": lambda number=0: request.args["c"]}


def make_app(**route: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(STREAM_LOG_URL="memory:", SECRET_KEY="only a test")
    stream = FlaskStream(app)

    @app.post("/chat")
    @app.post("/chat/<int:number>")
    @stream.response(**route)
    def chat(number: int = 0) -> Iterator[str]:
        yield "words"

    return app


def write(app: Flask, arguments: str = "", url: str = URL, **context: Any) -> Elements:
    template = f"{{{{ stream_chat(url, {arguments}) }}}}"
    with app.test_request_context():
        return Elements(render_template_string(template, url=url, **context))


def test_one_tag_writes_all_of_it() -> None:
    page = write(make_app())
    sheets = [each["href"] for each in page.all("link", rel="stylesheet")]
    assert sheets == [f"/_stream/static/{digest()}/flask-{of}.css" for of in ("stream", "chat")]
    ahead = [each["href"] for each in page.all("link", rel="modulepreload")]
    assert [url.rpartition("/")[2] for url in ahead] == [
        *("flask-stream.js", "flask-stream-markdown.js"),
    ]
    script = page.one("script")
    assert script["src"].endswith("/flask-stream-chat.js")
    assert script["type"] == "module"
    assert page.one("flask-chat")["data-empty"] is None
    stream = page.one("flask-stream", render="markdown", append=None)
    form = page.one("form", method="post", action=URL)
    assert stream["form"] == form["id"]
    assert re.fullmatch("flask-chat-[0-9a-f]{10}", form["id"])
    field = page.one("textarea", name="question", required=None)
    assert (field["aria-label"], field["placeholder"]) == ("Your question", "Ask something")
    assert [each["text"] for each in page.all("button")] == ["Retry", "Send", "Stop"]


def form_ids(app: Flask, template: str, path: str = "/") -> list[str]:
    with app.test_request_context(path):
        page = Elements(render_template_string(template))
    ids = [each["id"] for each in page.all("form")]
    assert [each["form"] for each in page.all("flask-stream")] == ids
    return ids


def test_two_chats_in_a_page_are_two() -> None:
    first, second = form_ids(make_app(), "{{ stream_chat('/chat') }}" * 2)
    assert second == f"{first}-2"


def test_a_chat_has_one_id_at_each_visit_and_each_conversation_its_own() -> None:
    app = make_app(**KEYED)
    one = "{{ stream_chat('/chat') }}"
    assert form_ids(app, one, "/?c=one") == form_ids(make_app(**KEYED), one, "/?c=one")
    ids = [
        *form_ids(app, one, "/?c=one"),
        *form_ids(app, one, "/?c=two"),
        *form_ids(app, "{{ stream_chat('/chat/2') }}", "/?c=one"),
        *form_ids(make_app(), one),
        *form_ids(make_app(), "{{ stream_chat('/chat?c=one') }}"),
    ]
    assert len(set(ids)) == 5


def test_what_stands_below_a_turn_is_written_as_text_too() -> None:
    said = [
        {"role": "user", "text": "Read it", "files": ["<b>.pdf", "two.png"]},
        {
            "role": "assistant",
            "text": "**Read**.",
            "note": "It was <cut>.",
            "rating": "up",
            "sources": [
                Source("https://example.org/?a=1&b", "A <title>"),
                {"url": "javascript:alert(1)", "title": "No address"},
                {"document": "paper.pdf"},
            ],
        },
    ]
    page = write(make_app(), "said", said=said)
    below = [(each["data-part"], each["text"]) for each in page.all("div", data_raw=None)]
    assert below == [("text", "Read it"), ("text", "**Read**.")]
    assert [each["text"] for each in page.all("li", dir="auto")] == ["<b>.pdf", "two.png"]
    assert page.one("p", data_chat="note")["text"] == "It was <cut>."
    (link,) = page.all("a")
    assert (link["href"], link["rel"]) == ("https://example.org/?a=1&b", "noopener nofollow")
    assert [each["text"] for each in page.all("bdi")] == ["A <title>", "No address", "paper.pdf"]
    assert page.turns[1]["data-rating"] == "up"


def test_where_nothing_stands_below_a_turn_there_is_nothing() -> None:
    said = [{"role": "user", "text": "Why?", "files": [], "sources": [], "note": "", "rating": ""}]
    with make_app().test_request_context():
        html = render_template_string("{{ stream_turns(said) }}", said=said)
    assert html == '<div data-turn="user">Why?</div>'


def test_a_question_says_that_it_is_long() -> None:
    """More than 100,000 characters: the client's style sheet asks."""
    most, files = "x" * 100_000, {"files": ["a.pdf"]}
    for role, words, longer in (
        ("user", most, False),
        ("user", most + "x", True),
        ("assistant", most + "x", False),
    ):
        turn = {"role": role, "text": words}
        with make_app().test_request_context():
            html = render_template_string("{{ stream_turns(said) }}", said=[turn, turn | files])
        assert html.count(f" data-long>{words}</div>") == 2 * longer
        assert html.count(f">{words}</div>") == 2


def test_what_was_said_is_written_as_text() -> None:
    said = [*CONVERSATION, {"role": "user", "text": "<script>alert(1)</script>\n & more"}]
    page = write(make_app(), "said", said=said)
    assert [(each["data-turn"], each["text"]) for each in page.turns] == [
        ("user", "Why?"),
        ("", "**Because**."),
        ("user", "<script>alert(1)</script>\n & more"),
    ]
    assert len(page.all("script")) == 1
    assert "data-empty" not in page.one("flask-chat")


@dataclass
class Turn:
    role: str
    text: str
    id: str | None = None
    at: datetime | None = None
    model: str | None = None


def row(role: str, text: str, id: str) -> sqlite3.Row:
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    found: sqlite3.Row = db.execute(
        "SELECT ? AS role, ? AS text, ? AS id", [role, text, id]
    ).fetchone()
    return found


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "user", "text": "Why?", "id": "a-1"},
        Turn("user", "Why?", "a-1"),
        row("user", "Why?", "a-1"),
    ],
    ids=["mapping", "object", "row"],
)
def test_a_turn_is_a_mapping_a_row_or_an_object(turn: Any) -> None:
    (written,) = write(make_app(), "said", said=[turn]).turns
    assert (written["data-turn"], written["text"], written["data-id"]) == ("user", "Why?", "a-1")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 11, 29, 10, 30), "2026-11-29T10:30:00+00:00"),
        (datetime(2026, 11, 29, 10, 30, tzinfo=UTC), "2026-11-29T10:30:00+00:00"),
        (
            datetime(2026, 11, 29, 10, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-29T10:30:00+02:00",
        ),
        ("2026-11-29 10:30:00Z", "2026-11-29 10:30:00Z"),
    ],
)
def test_what_is_known_of_an_answer_is_written(at: Any, expected: str) -> None:
    turn = {"role": "assistant", "text": "So.", "id": 7, "at": at, "model": 'a "model"'}
    (written,) = write(make_app(), "said", said=[turn]).turns
    assert (written["data-at"], written["data-id"]) == (expected, "7")
    assert written["data-model"] == 'a "model"'


def test_an_id_of_nought_is_one() -> None:
    (written,) = write(make_app(), "said", said=[Turn("user", "Why?", 0)]).turns  # type: ignore[arg-type]
    assert written["data-id"] == "0"


def test_an_id_may_be_a_uuid_and_an_empty_one_is_none() -> None:
    id = UUID(int=5)
    said = [{"role": "user", "text": "Why?", "id": each} for each in (id, "", None)]
    page = write(make_app(), "said", said=said)
    assert [each.get("data-id") for each in page.turns] == [str(id), None, None]


def test_html_in_a_turn_is_text_whatever_its_type() -> None:
    said = [{"role": "user", "text": Markup("<b>bold</b>"), "id": Markup('a"b')}]
    (written,) = write(make_app(), "said", said=said).turns
    assert (written["text"], written["data-id"]) == ("<b>bold</b>", 'a"b')


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"role": "system", "text": "secret"}, "Turn 2 has the role 'system', but it must be"),
        ({"text": "no role"}, "Turn 2 has the role None, but it must be one of: user, assistant"),
        ({"role": "user"}, "The text of turn 2 is None, but it must be a string."),
        ({"role": "user", "text": [{"type": "text"}]}, "but it must be a string."),
        ({"role": "user", "content": "Why?"}, "Turn 2 has `content`, as a provider's messages"),
        ("Why?", "Turn 2 is the str 'Why?'. A turn is a mapping, a row or an object with `role`"),
        (Turn("user", "Why?", "a b"), "The id of turn 2 is 'a b', but it must be its question's"),
        (Turn("user", "Why?", "é"), "1 to 255 characters, all of them visible ASCII"),
        (Turn("user", "Why?", "x" * 256), "The id of turn 2 is 'xxx"),
        (Turn("user", "Why?", True), "The id of turn 2 is True"),  # type: ignore[arg-type]
        ({**CONVERSATION[1], "rating": "good"}, "The rating of turn 2 is 'good', but it must be"),
        ({**CONVERSATION[1], "rating": 1}, "The rating of turn 2 is 1, but it must be"),
        ({**CONVERSATION[0], "files": "a.pdf"}, "The files of turn 2 must be a list of strings"),
        ({**CONVERSATION[0], "files": [3]}, "but 3 in it is of type int"),
        ({**CONVERSATION[1], "sources": ["a page"]}, "A source of turn 2 is the str 'a page'."),
        ({**CONVERSATION[1], "sources": "a page"}, "`sources` is a list of them."),
        ({**CONVERSATION[1], "sources": [{"url": 3}]}, "The url of a source of turn 2 is 3"),
        ({**CONVERSATION[1], "sources": [{"title": 3}]}, "The title of a source of turn 2 is 3"),
    ],
)
def test_what_is_no_turn_is_refused(turn: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        write(make_app(), "said", said=[CONVERSATION[0], turn])


@pytest.mark.parametrize("turns", [None, "Why?", CONVERSATION[0], 3], ids=repr)
@pytest.mark.parametrize("tag", ["stream_turns(said)", "stream_chat('/chat', said)"])
def test_what_are_no_turns_is_refused(tag: str, turns: Any) -> None:
    with (
        make_app().test_request_context(),
        pytest.raises(ValueError, match=r"turns is .*, but it must be a list of turns"),
    ):
        render_template_string(f"{{{{ {tag} }}}}", said=turns)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("suggestions='Why?'", "suggestions must be a list of strings (one of them, too: [...])"),
        ("suggestions=[none]", "but None in it is of type NoneType"),
        ("suggestions=3", "suggestions must be a list of strings"),
        ("name=''", "name is '', but it must be that of the field with the question"),
        ("actions='copy speak shout'", 'copy-markdown regenerate edit rate". It has speak, shout.'),
        ("actions=['copy']", "actions is ['copy'], but it must be a string of names"),
        ("attach=true, max_bytes=0", "max_bytes is 0, but it must be a whole number above 0"),
        ("attach=true, max_bytes='5 MB'", "max_bytes is '5 MB', but it must be a whole number"),
        ("attach=true, max_bytes=true", "max_bytes is True, but it must be a whole number"),
        ("max_bytes=5000", "max_bytes is 5000, but no files may go with a question. Add attach="),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(arguments: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        write(make_app(), arguments)


def test_outside_of_a_request_both_say_what_they_need() -> None:
    app = make_app()
    with (
        app.app_context(),
        pytest.raises(FlaskStreamError, match=r"no request is under way.*test_request_context"),
    ):
        stream_chat(URL)
    with pytest.raises(FlaskStreamError, match=r"within app\.app_context\(\)"):
        stream_turns([])
    with app.app_context():  # in a mail, for one
        assert stream_turns(CONVERSATION[:1]) == '<div data-turn="user">Why?</div>'


def test_suggestions_are_there_until_something_was_asked() -> None:
    app = make_app()
    page = write(app, "suggestions=['Why?', 'A \"b\" <c>']")
    pills = page.all("button", name="question")
    assert [(pill["value"], pill["text"]) for pill in pills] == [
        ("Why?", "Why?"),
        ('A "b" <c>', 'A "b" <c>'),
    ]
    assert all("formnovalidate" in pill for pill in pills)
    page = write(app, "said, suggestions=['Why?']", said=CONVERSATION)
    assert page.all("button", name="question") == []


def test_files_go_with_the_form_where_they_may() -> None:
    app = make_app()
    assert write(app).all("input", type="file") == []
    assert "enctype" not in write(app).one("form")
    page = write(app, "attach='image/*,.pdf', max_bytes=5000")
    field = page.one("input", type="file", name="files", multiple=None)
    assert (field["accept"], field["data-max-bytes"]) == ("image/*,.pdf", "5000")
    assert page.one("form")["enctype"] == "multipart/form-data"
    assert "accept" not in write(app, "attach=true").one("input", type="file")


def test_names_actions_and_feedback_are_attributes() -> None:
    page = write(make_app(), "name='prompt', actions='copy rate', feedback='/rate'")
    assert page.one("textarea")["name"] == "prompt"
    chat = page.one("flask-chat")
    assert (chat["actions"], chat["feedback"]) == ("copy rate", "/rate")
    assert write(make_app(), "actions=''").one("flask-chat")["actions"] == ""


def test_all_tags_that_need_a_nonce_have_it() -> None:
    page = write(make_app(), "nonce=lambda", **{"lambda": lambda: 'a"b'})
    tags = [*page.all("link"), page.one("script")]
    assert [tag["nonce"] for tag in tags] == ['a"b'] * 5


def test_the_token_goes_with_the_form_to_this_site_alone() -> None:
    app = make_app()
    assert write(app).all("input") == []
    CSRFProtect(app)
    assert write(app).one("input", type="hidden", name="csrf_token")["value"]
    assert write(app, url="http://localhost/chat").all("input", name="csrf_token")
    assert write(app, url="https://other.example/chat").all("input") == []


# What goes on


def test_a_route_that_is_not_resumable_goes_on_with_nothing() -> None:
    assert "resume" not in write(make_app()).one("flask-stream")


@pytest.mark.parametrize("url", ["/elsewhere", "https://other.example/chat", "", "/static/x"])
def test_what_is_no_streaming_route_goes_on_with_nothing(url: str) -> None:
    page = write(make_app(resumable=True), url=url)
    assert "resume" not in page.one("flask-stream")


def test_a_page_remembers_what_goes_on_unless_all_is_answered() -> None:
    app = make_app(resumable=True)
    assert write(app).one("flask-stream")["resume"] == ""
    assert write(app, "said", said=CONVERSATION[:1]).one("flask-stream")["resume"] == ""
    assert write(app, "said", said=CONVERSATION).one("flask-stream")["resume"] == "server"


def test_a_run_that_goes_on_is_named_where_its_route_has_a_key() -> None:
    app = Flask(__name__)
    app.config.update(STREAM_LOG_URL="memory:", SECRET_KEY="only a test")
    stream = FlaskStream(app)

    @app.post("/chat/<int:number>")
    @stream.response(resumable=True, key="chat:{number}")
    def chat(number: int) -> list[str]:
        return ["words"]

    @app.get("/page/<int:number>")
    def page(number: int) -> str:
        return render_template_string("{{ stream_chat(url_for('chat', number=n)) }}", n=number)

    @app.get("/publish/<int:number>")
    def publish(number: int) -> str:
        """Looks at the page while a run is written."""
        seen = []

        def source() -> Iterator[str]:
            yield "words"
            seen.append(render_template_string("{{ stream_chat('/chat/1') }}"))
            seen.append(render_template_string("{{ stream_chat('/chat/2') }}"))

        run = stream.publish(source(), owner=stream.current_owner(), key=f"chat:{number}")
        assert run.outcome == "complete"
        return "".join(seen)

    client = app.test_client()
    first, second = Elements(client.get("/publish/1").text).all("flask-stream")
    assert re.fullmatch(r"/_stream/[0-9a-f]{32}", first["resume"])
    assert second["resume"] == ""
    response = client.get("/page/1")
    assert Elements(response.text).one("flask-stream")["resume"] == ""
    assert response.headers["Cache-Control"] == "no-store"


def test_under_a_prefix_the_route_is_found() -> None:
    app = make_app(resumable=True)
    with app.test_request_context("/", base_url="http://localhost/app"):
        template = "{{ stream_chat(url_for('chat')) }}"
        page = Elements(render_template_string(template))
    assert page.one("form")["action"] == "/app/chat"
    assert page.one("flask-stream")["resume"] == ""


def test_turns_alone_are_a_tag_too() -> None:
    app = make_app()
    with app.test_request_context():
        html = render_template_string("{{ stream_turns(said) }}", said=CONVERSATION)
    assert html == '<div data-turn="user">Why?</div><div data-turn="">**Because**.</div>'


def test_turns_are_read_behind_what_goes_on() -> None:
    """So that an answer that ends meanwhile is among them."""
    app = make_app(resumable=True, key=lambda number=0: order.append("key") or "k")
    order: list[str] = []

    def said() -> Iterator[dict[str, str]]:
        order.append("turns")
        yield from CONVERSATION

    write(app, "said", said=said())
    assert order == ["key", "turns"]


# A key that cannot be told in the page's request


@pytest.mark.parametrize(
    "key",
    [
        lambda **_: request.form["c"],
        lambda **_: request.view_args["c"],  # type: ignore[index]
        lambda **_: request.json["c"],  # type: ignore[index]
        lambda **_: request.args.get("c").strip(),  # type: ignore[union-attr]
    ],
)
def test_a_key_that_reads_the_question_says_so_on_the_page(key: Any) -> None:
    said = r"key= of the route 'chat' raised \w+ in the page's request \(GET /\).*key=\"chat:{id}\""
    with pytest.raises(FlaskStreamError, match=said) as raised:
        write(make_app(resumable=True, key=key))
    assert raised.value.__cause__ is not None


def test_a_key_may_refuse_the_reader() -> None:
    with pytest.raises(Unauthorized):
        write(make_app(resumable=True, key=lambda **_: abort(401)))


# What is told in the log


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(advice, "_said", set())
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/nowhere", "no route of this app has that URL, so a question gets 404"),
        ("/read", "takes no POST, so a question gets 405. Write @app.post"),
        ("/slash", "the app redirects that URL to another one"),
        ("/plain", "the view of endpoint 'plain' has no @stream.response"),
        ("", "takes no POST"),
    ],
)
def test_a_url_that_leads_to_no_stream_is_told_once(told: Any, url: str, said: str) -> None:
    app = make_app()
    app.add_url_rule("/", "home", lambda: "")
    app.add_url_rule("/read", "read", lambda: "")
    app.add_url_rule("/slash/", "slash", lambda: "", methods=["POST"])
    app.add_url_rule("/plain", "plain", lambda: "", methods=["POST"])
    for conversation in ("", "?c=1", "?c=2"):  # a page with a URL for each conversation
        write(app, url=f"{url}{conversation}")
    (line,) = told()
    assert line.startswith(f"stream_chat({url!r}): ")
    assert said in line


def test_a_url_that_leads_to_no_stream_is_told_for_each_page_that_has_it(told: Any) -> None:
    app = make_app()
    for page in ("one", "other"):
        app.add_url_rule(
            f"/{page}", page, lambda: render_template_string("{{ stream_chat('/nowhere') }}")
        )
    for page in ("one", "other", "one"):
        assert app.test_client().get(f"/{page}").status_code == 200
    assert len(told()) == 2


class Ask(MethodView):
    def post(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("/chat", "http://localhost/"),
        ("chat", "http://localhost/"),
        ("https://other.example/nowhere", "http://localhost/"),
        ("/nowhere", "http://localhost/app"),
        ("/apple", "http://localhost/app"),
        ("/methods", "http://localhost/"),
    ],
)
def test_of_a_url_that_may_be_well_nothing_is_told(told: Any, url: str, base: str) -> None:
    app = make_app(resumable=True)
    app.add_url_rule("/methods", view_func=Ask.as_view("methods"))
    with app.test_request_context("/", base_url=base):
        render_template_string("{{ stream_chat(url) }}", url=url)
    assert told() == []


def test_a_url_that_is_relative_to_the_page_is_found() -> None:
    app = make_app(resumable=True)
    with app.test_request_context("/chat/3"):
        page = Elements(render_template_string("{{ stream_chat('4') }}"))
    assert page.one("flask-stream")["resume"] == ""
