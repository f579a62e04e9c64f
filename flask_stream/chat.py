"""`stream_chat`: the tag that puts a whole chat, `<flask-chat>`, into a template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, g, has_request_context
from markupsafe import Markup

from .asked import going_on, leads_elsewhere
from .errors import FlaskStreamError
from .turns import listed, role_of, stream_turns, strings
from .web import attributes, link_tag, script_tag
from .words import say

if TYPE_CHECKING:
    from .web import Nonce

_ALL_ACTIONS = "copy copy-markdown regenerate edit rate"
# What the script imports: the browser need not wait for that to know it.
_IMPORTED = ("flask-stream.js", "flask-stream-markdown.js")
_SHEETS = ("flask-stream.css", "flask-chat.css")
_COUNTS = "_flask_stream_chats"  # in g


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
        known what is being written, so that of a query or a generator no answer is missing that
        ends meanwhile.
    :param name: of the field with the question.
    :param suggestions: questions that are offered as long as nothing was asked.
    :param attach: whether files may go with a question, in the form's field ``files``; or of which
        kinds, as HTML's ``accept`` has them: ``"image/*,.pdf"``.
    :param max_bytes: how large one of them may be, in bytes. The reader is told before it is sent;
        the app has to see to it, too.
    :param actions: which of ``"copy copy-markdown regenerate edit rate"`` there are; None: all, and
        ``rate`` only where there is `feedback`. Without that, a rating is an event of the page.
    :param feedback: a URL that a rating is posted to, as ``submission`` and ``value`` ("up",
        "down" or "").
    :param nonce: as of :func:`stream_script`.
    :returns: the style sheets' tags, the script's, and the element with its form.
    :raises ValueError: one of the arguments, or a turn, cannot be used; it says which, and why.
    :raises FlaskStreamError: outside of a request; or the route's ``key=`` cannot be told in the
        request of a page.
    :raises HTTPException: what the route's ``key=`` raises to refuse the reader.
    :raises RunError: the log cannot be asked for what is being written.
    :raises TypeError: ``@stream.owner`` returns what names no reader.
    """
    if not has_request_context():
        raise FlaskStreamError(
            "stream_chat() writes a chat for the reader of a page, and no request is under way "
            "here. Call it in a template that a view renders; in a test, within "
            "app.test_request_context()."
        )
    _check_name(name)
    _check_actions(actions)
    _check_max_bytes(max_bytes, attach)
    pills = strings("suggestions", suggestions)
    key, resume = going_on(url)
    said = listed(turns)  # behind that
    if resume == "" and said and role_of(said[-1]) != "user":
        resume = "server"  # which says that nothing goes on: the question has its answer
    id = _id(url, key)
    chat = {"actions": actions, "feedback": feedback, "data-empty": not said}
    stream = {
        "form": id,
        "render": "markdown",
        "heading-level": 3,  # below the page's own, and the chat's title
        "append": True,
        "resume": resume,
    }
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
        chat=attributes(chat),
        stream=attributes(stream),
        turns=stream_turns(said),
        retry=say("Retry"),
        form=_form(url, id, name, () if said else pills, attach, max_bytes),
    )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"name is {name!r}, but it must be that of the field with the question, which the "
            'view reads: name="question" for request.form["question"].'
        )


def _check_actions(actions: object) -> None:
    if actions is None:
        return
    expected = f'but it must be a string of names with spaces between them, of "{_ALL_ACTIONS}".'
    if not isinstance(actions, str):
        raise ValueError(f"actions is {actions!r}, {expected}")
    unknown = [each for each in actions.split() if each not in _ALL_ACTIONS.split()]
    if unknown:
        raise ValueError(f"actions is {actions!r}, {expected} It has {', '.join(unknown)}.")


def _check_max_bytes(max_bytes: object, attach: object) -> None:
    if max_bytes is None:
        return
    if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 1:
        raise ValueError(
            f"max_bytes is {max_bytes!r}, but it must be a whole number above 0: how many bytes "
            "one file may have."
        )
    if not attach:
        raise ValueError(
            f"max_bytes is {max_bytes}, but no files may go with a question. Add attach=True, or "
            'of which kinds: attach="image/*,.pdf".'
        )


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
        files = Markup('<input type="file" name="files" multiple{}>').format(attributes(limits))
    pill = Markup('<button name="{}" value="{}" formnovalidate dir="auto">{}</button>')
    return Markup(
        "<form{attributes}>{token}"
        '<div data-chat="suggestions">{pills}</div>\n'
        '<div data-chat="field">{files}<textarea{field}></textarea>'
        '<button data-chat="send">{send}</button>'
        '<button type="button" data-stream="stop" hidden>{stop}</button></div></form>'
    ).format(
        attributes=attributes(
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
        field=attributes(
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
    if not callable(make) or leads_elsewhere(url):
        return Markup()
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(make())


def _id(url: str, key: str | None) -> str:
    """Of the form: the same at each visit of a page, and another one for each conversation.

    By it the browser knows whose answer it remembers, and into which form a label or a script
    leads. Two tags of one page may come from two requests, so it cannot be a mere number.
    """
    named = f"{url}\n{key or ''}".encode()
    id = f"flask-chat-{sha256(named).hexdigest()[:10]}"
    counts = g.setdefault(_COUNTS, Counter())
    counts[id] += 1
    return id if counts[id] == 1 else f"{id}-{counts[id]}"
