"""The tags that put a whole chat into a template: `<flask-chat>`, and the turns that are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from flask import Flask, after_this_request, current_app, g, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from .app_state import this_app
from .caches import keep_page
from .dispatch import MARK, active
from .owners import give_key
from .route import Route
from .web import link_tag, script_tag
from .words import say

if TYPE_CHECKING:
    from .web import Nonce

_ROLES = ("user", "assistant")
# What the script imports: the browser need not wait for that to know it.
_IMPORTED = ("flask-stream.js", "flask-stream-markdown.js")
_SHEETS = ("flask-stream.css", "flask-chat.css")
_COUNT = "_flask_stream_chats"  # in g


def register(app: Flask) -> None:
    """Add the tags to an app."""
    app.jinja_env.globals.update(stream_chat=stream_chat, stream_turns=stream_turns)


def stream_chat(
    url: str,
    turns: Iterable[Any] = (),
    *,
    name: str = "question",
    suggestions: Iterable[str] = (),
    attach: str | bool = False,
    max_bytes: int | None = None,
    actions: str | None = None,
    feedback: str | None = None,
    nonce: Nonce = None,
) -> Markup:
    """A chat: its looks, its script, and a form that works without it.

    Where the route has ``resumable=True``, a page that is loaded anew goes on with the answer that
    is being written; with ``key=`` a second tab does so, too.

    :param url: of the route that answers: ``url_for("chat")``.
    :param turns: what was said before, oldest first; see :func:`stream_turns`. Read after it is
        known what is being written, so that of a generator no answer is missing that ends
        meanwhile.
    :param name: of the field with the question.
    :param suggestions: questions that are offered as long as nothing was asked.
    :param attach: whether files may go with a question, in the form's field ``files``; or of which
        kinds, as HTML's ``accept`` has them: ``"image/*,.pdf"``.
    :param max_bytes: how large one of them may be. The reader is told before it is sent; the app
        has to see to it, too.
    :param actions: which of ``"copy copy-markdown regenerate edit rate"`` there are; None: all, and
        ``rate`` only where there is `feedback`.
    :param feedback: a URL that a rating is posted to, as ``submission`` and ``value`` ("up",
        "down" or "").
    :param nonce: as of :func:`stream_script`.
    :raises ValueError: a turn has another role, or no text.
    """
    resume = _resumed(_asked(url))
    said = list(turns)  # behind that
    if resume == "" and said and _of(said[-1], "role") != "user":
        resume = "server"  # which says that nothing goes on: the question has its answer
    id = _id()
    chat = {"actions": actions, "feedback": feedback, "data-empty": not said}
    stream = {"form": id, "render": "markdown", "append": True, "resume": resume}
    return Markup(
        "{looks}{ahead}{script}\n"
        "<flask-chat{chat}><flask-stream{stream}>\n"
        '<div data-stream="output">{turns}</div>\n'
        '<p data-stream="status" role="status"></p>'
        '<button type="button" data-stream="retry" hidden>{retry}</button>\n'
        "{form}</flask-stream></flask-chat>"
    ).format(
        looks=Markup().join(link_tag("stylesheet", sheet, nonce) for sheet in _SHEETS),
        ahead=Markup().join(link_tag("modulepreload", module, nonce) for module in _IMPORTED),
        script=script_tag("flask-stream-chat.js", nonce),
        chat=_attributes(chat),
        stream=_attributes(stream),
        turns=stream_turns(said),
        retry=say("Retry"),
        form=_form(url, id, name, () if said else suggestions, attach, max_bytes),
    )


def stream_turns(turns: Iterable[Any]) -> Markup:
    """What was said before, as the client of a chat draws it; text, where there is none.

    :param turns: mappings, rows or objects with ``role`` ("user" or "assistant") and ``text``; and
        where they are known with ``id`` (the question's ``stream.submission``, of its answer too),
        by which it can be asked again, and of an answer with ``model`` and ``at``: a datetime, in
        UTC where it has no zone. What stands below a turn: of a question ``files``, their names; of
        an answer ``sources`` (as those of a Result), and ``note``, a line of words: that it was cut
        off, for one. ``rating`` is what the reader said of it: "up" or "down".
    :raises ValueError: a turn has another role, or no text.
    """
    return Markup().join(_turn(turn, number) for number, turn in enumerate(turns, 1))


def _turn(turn: Any, number: int) -> Markup:
    role, text = _of(turn, "role"), _of(turn, "text")
    if role not in _ROLES:
        raise ValueError(
            f"Turn {number} has the role {role!r}, but it must be one of: {', '.join(_ROLES)}. "
            "What else a provider was told (its system prompt, tools) is not for the reader: leave "
            "it out."
        )
    if not isinstance(text, str):
        raise ValueError(f"The text of turn {number} is {text!r}, but it must be a string.")
    at = _of(turn, "at")
    if isinstance(at, datetime):
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    attributes = {
        "data-turn": "user" if role == "user" else "",
        "data-id": _of(turn, "id"),
        "data-model": _of(turn, "model"),
        "data-at": at,
        "data-rating": _of(turn, "rating") or None,
    }
    below = _below(turn)
    if below:
        text = Markup('<div data-part="text" data-raw>{}</div>{}').format(text, below)
    return Markup("<div{}>{}</div>").format(_attributes(attributes), text)


def _below(turn: Any) -> Markup:
    """What stands under the words of a turn."""
    written = Markup()
    if files := _of(turn, "files"):
        names = Markup().join(Markup('<li dir="auto">{}</li>').format(name) for name in files)
        written += Markup('<ul data-chat="files">{}</ul>').format(names)
    if note := _of(turn, "note"):
        written += Markup('<p data-chat="note">{}</p>').format(note)
    if sources := _of(turn, "sources"):
        items = Markup().join(map(_source, sources))
        written += Markup('<ul data-part="sources">{}</ul>').format(items)
    return written


def _source(source: Any) -> Markup:
    """As the client writes one: what a provider or a page of the web says is not trusted."""
    url = _of(source, "url") or ""
    words = _of(source, "title") or _of(source, "document") or url
    if url.lower().startswith(("https://", "http://")):
        link = Markup('<li><a href="{}" rel="noopener nofollow"><bdi>{}</bdi></a></li>')
        return link.format(url, words)
    return Markup("<li><bdi>{}</bdi></li>").format(words)


def _of(turn: Any, name: str) -> Any:
    """What a mapping, a row or an object has by that name; else None."""
    environment = current_app.jinja_env
    value = environment.getitem(turn, name)
    return None if isinstance(value, environment.undefined) else value


def _attributes(given: Mapping[str, object]) -> Markup:
    """Those that are not None nor False; True is one without a value."""
    written = Markup()
    for name, value in given.items():
        if value is True:
            written += Markup(" {}").format(name)
        elif value is not None and value is not False:
            written += Markup(' {}="{}"').format(name, value)
    return written


def _form(
    url: str,
    id: str,
    name: str,
    suggestions: Iterable[str],
    attach: str | bool,
    max_bytes: int | None,
) -> Markup:
    """What the reader types in; without JavaScript it is sent as any form is."""
    files = Markup()
    if attach:
        accept = attach if isinstance(attach, str) else None
        limits = {"accept": accept, "data-max-bytes": max_bytes, "aria-label": say("Files")}
        files = Markup('<input type="file" name="files" multiple{}>').format(_attributes(limits))
    pill = Markup('<button name="{}" value="{}" formnovalidate dir="auto">{}</button>')
    return Markup(
        "<form{attributes}>{token}"
        '<div data-chat="suggestions">{pills}</div>\n'
        '<div data-chat="field">{files}<textarea{field}></textarea>'
        '<button data-chat="send">{send}</button>'
        '<button type="button" data-stream="stop" hidden>{stop}</button></div></form>'
    ).format(
        attributes=_attributes(
            {
                "id": id,
                "data-chat": "composer",
                "method": "post",
                "action": url,
                "enctype": "multipart/form-data" if attach else None,
            }
        ),
        token=_token(url),
        pills=Markup().join(pill.format(name, text, text) for text in suggestions),
        files=files,
        field=_attributes(
            {
                "name": name,
                "rows": 1,
                "required": True,
                "dir": "auto",
                "enterkeyhint": "send",
                "aria-label": say("Your question"),
                "placeholder": say("Ask something"),
            }
        ),
        send=say("Send"),
        stop=say("Stop"),
    )


def _token(url: str) -> Markup:
    """The hidden field for Flask-WTF, where the app has that and the form stays with it."""
    make = current_app.jinja_env.globals.get("csrf_token")
    if not callable(make) or _leads_elsewhere(url):
        return Markup()
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(make())


def _leads_elsewhere(url: str) -> bool:
    return urlsplit(url).netloc not in ("", request.host)


def _id() -> str:
    """Of the form: the same at each visit of a page, and one for each chat in it."""
    count = g.get(_COUNT, 0) + 1
    setattr(g, _COUNT, count)
    return "flask-chat" if count == 1 else f"flask-chat-{count}"


class _Asked(NamedTuple):
    """Of the route that a chat asks."""

    route: Route
    view: Callable[..., Any]
    arguments: Mapping[str, Any]


def _asked(url: str) -> _Asked | None:
    """None where that is no route of this app that streams."""
    path, root = urlsplit(url).path, request.root_path.rstrip("/")
    adapter = current_app.create_url_adapter(request)
    if adapter is None or _leads_elsewhere(url) or not path.startswith(root):
        return None
    try:
        endpoint, arguments = adapter.match(unquote(path[len(root) :]), method="POST")
    except (HTTPException, RequestRedirect):
        return None
    view = current_app.view_functions[endpoint]
    route: Route | None = getattr(view, MARK, None)
    return None if route is None else _Asked(route, view, arguments)


def _resumed(asked: _Asked | None) -> str | None:
    """What the element's `resume` is to be: a run that goes on, or what its page remembers; or
    None, where nothing can."""
    if asked is None or not asked.route.resumable:
        return None
    give_key(this_app().extension._owner)
    key = asked.route.key_of(asked.view, (), asked.arguments)
    if key is None:
        after_this_request(keep_page)  # as `active` sees to it
        return ""
    live = active(key)
    return "" if live is None else live.url
