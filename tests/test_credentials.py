"""What of others' words the log hides, as it looks like a credential, and what it leaves."""

from __future__ import annotations

import time

import pytest

from flask_stream import credentials
from flask_stream.told import one_line
from tests.own_time import part_of

MANY = 5_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # in a URL
        ("https://anna:p@ss:w0rd@host/x", "https://***host/x"),
        (
            "url: /v1/models?alt=sse&key=AIzaSy0 (Caused by",
            "url: /v1/models?alt=sse&key=*** (Caused by",
        ),
        ("https://h/p?access_token=t0k&x=2#y", "https://h/p?access_token=***&x=2#y"),
        ("redis://:s3cret@cache:6379/0", "redis://***cache:6379/0"),
        ("cannot reach anna:s3cret@db", "cannot reach anna:***@db"),
        # by its name
        ("api_key=s3cret, model=m", "api_key=***, model=m"),
        ("Client(api_key='s3 cret', n=1)", "Client(api_key=***, n=1)"),
        ("{'x-api-key': 's3cret', 'a': 1}", "{'x-api-key': ***, 'a': 1}"),
        ('{"apiKey": "s3cret"}', '{"apiKey": ***}'),
        (r'"{\"api_key\": \"s3cret\"}"', r'"{\"api_key\": ***}"'),
        ("X-Api-Key: s3cret", "X-Api-Key: ***"),
        ("token=s3cret", "token=***"),
        ('"client_secret": "s3cret"', '"client_secret": ***'),
        ("password=hunter2;x", "password=***;x"),
        # a header
        ("Authorization: Bearer s3cret", "Authorization: Bearer ***"),
        ("authorization: Basic YTpi", "authorization: Basic ***"),
        ("{'Authorization': 'Bearer s3cret'}", "{'Authorization': ***}"),
        ("sent bearer a1b2c3d4e5", "sent bearer ***"),
        # by its own shape
        ("key sk-proj-Abc123_def456, no", "key sk-***, no"),
        ("sk-" + "ant-api03-x1y2z3w4v5", "sk-***"),
        ("gsk_a1b2c3d4e5f6g7h8", "gsk_***"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "AIza***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s1gn", "eyJ***"),
        # … of others'
        ("https://h/v1?subscription-key=s3cret&x=1", "https://h/v1?subscription-key=***&x=1"),
        ("https://h/v1?api-version=2&my-key=s3cret", "https://h/v1?api-version=2&my-key=***"),
        ("Ocp-Apim-Subscription-Key: s3cret", "Ocp-Apim-Subscription-Key: ***"),
        ("secret_key=s3cret, x", "secret_key=***, x"),
        ("access_key=s3cret", "access_key=***"),
        ("aws_secret_access_key=s3cret", "aws_secret_access_key=***"),
        ("secretKey: s3cret", "secretKey: ***"),
        ("AccountName=a;AccountKey=s3cret==;b=c", "AccountName=a;AccountKey=***;b=c"),
        ("pwd=s3cret;db=x", "pwd=***;db=x"),
        ("X-Auth-Token: s3cret", "X-Auth-Token: ***"),
        ("Proxy-Authorization: Basic s3cret", "Proxy-Authorization: Basic ***"),
        ("Cookie: session=s3cret; id=s3cret2 (sent)", "Cookie: *** (sent)"),
        ("Set-Cookie: session=s3cret; HttpOnly", "Set-Cookie: ***; HttpOnly"),
        ("{'cookie': 'session=s3cret; a=b'}", "{'cookie': ***}"),
        # a header that an HTTP client would not send
        ("Illegal header value b'0123s3cret'", "Illegal header value ***"),
        (r"Illegal header value b'Bearer s3\'cret\n'", "Illegal header value ***"),
        ("Invalid header value b'Bearer s3cret\\n'", "Invalid header value ***"),
        ("character(s) in header value: 'Bearer s3cret'", "character(s) in header value: ***"),
        # another scheme's
        ("Authorization: Token s3cret", "Authorization: Token ***"),
        ("authorization: Key s3cret, x", "authorization: Key ***, x"),
        ("Authorization: Token token=s3cret", "Authorization: Token ***"),
        (
            'Authorization: Digest username="s3cret", realm="s3 cret", response="s3", n=s3cret',
            "Authorization: Digest ***",
        ),
        ("Authorization: Own s3cretword and", "Authorization: *** and"),
        ("Authorization: s3cret, x", "Authorization: ***, x"),
        # in bytes, in pairs, and with quotes of its own
        ("{b'x-api-key': b's3cret', b'a': b'b'}", "{b'x-api-key': ***, b'a': b'b'}"),
        ("[('x-api-key', 's3cret'), ('a', 'b')]", "[('x-api-key', ***), ('a', 'b')]"),
        ("[(b'Authorization', b'Bearer s3cret')]", "[(b'Authorization', ***)]"),
        ('[["x-api-key", "s3cret"], ["a", "b"]]', '[["x-api-key", ***], ["a", "b"]]'),
        (r'{"api_key": "a\"s3cret", "b": 1}', '{"api_key": ***, "b": 1}'),
        (r"{'api_key': 'a\'s3cret', 'b': 1}", "{'api_key': ***, 'b': 1}"),
        (r'"{\"api_key\": \"a\\\"s3cret\", \"b\": 1}"', r'"{\"api_key\": ***, \"b\": 1}"'),
        # by its own shape, others'
        ("xoxb-1234567890-s3cret", "xoxb-***"),
        ("github_pat_11s3cret22_33s3cret", "github_pat_***"),
        ("gho_s3cret1234567", "gho_***"),
        ("ghs_s3cret1234567", "ghs_***"),
        ("glpat-s3cret12345678", "glpat-***"),
        ("id AKIAS3CRETS3CRETS3CR, x", "id AKIA***, x"),
        ("ya29.s3cret-s3cret_s3", "ya29.***"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str, expected: str) -> None:
    assert one_line(text) == expected
    assert one_line(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 4096, input_tokens=31",
        "Unexpected token: < in JSON at position 0",
        "the bearer token is missing",
        "Bearer authentication failed",
        "write to anna@example.org, http://127.0.0.1:8000/a@b",
        "sk-learn-is-no-key-of-ours",
        "key=value",  # no URL's
        "The cookie is missing; cookie: none",
        "Illegal header value",
        "Missing 2 arguments: 'api_key', 'model', 'n'",
        "the secret key of good tea, an access key that is missing",
        "ASIAPACIFICREGION is not enabled",
        "Token limit: 4096; tokens: 31; password: short",
        "unknown tokenizer=cl100k, keyboard=de, monkey=yes",
        "at /home/anna/secrets.py:12, in api_keys()",
    ],
)
def test_what_only_speaks_of_credentials_is_left(text: str) -> None:
    assert one_line(text) == text


@pytest.mark.parametrize("length", range(1970, 2010, 3))
def test_a_credential_that_the_cut_goes_through_is_hidden(length: int) -> None:
    for secret in ("https://anna:s3cretword@host", "api_key=s3cretword"):
        for before in ("", "api_key=" + "k" * 900 + " "):
            said = one_line(before + "x" * (length - len(before)) + " " + secret + " " + "y" * MANY)
            assert "s3c" not in said
            assert "kk" not in said


def test_a_credential_without_an_end_is_hidden_to_the_end() -> None:
    assert one_line('{"api_key": "' + "s3cret" * 500).startswith('{"api_key": ***… (')


# -- the work ---------------------------------------------------------------------------------

HOSTILE = [
    *(
        "api_key=",
        "api_key",
        "authorization: ",
        "authorization: digest ",
        "cookie: a",
        "cookie: a=;",
    ),
    *(
        "token=\\",
        'token: "',
        "token: '\\",
        'api_key: \\\\"',
        "a=",
        "?a-",
        "?key",
        "(b'",
        "['api_key', ",
    ),
    *(
        "a:",
        "://",
        "://a",
        ":a@",
        "bearer ",
        "bearer a",
        "sk-",
        "sk-a",
        "eyJ",
        "eyJaaaaaaaa.",
        "ya29.",
    ),
    *(
        "xoxb-",
        "AKIA",
        "AKIAA",
        "a",
        " ",
        "\\",
        '"',
        "'",
        "a.",
        "a-",
        "a_",
        "header value ",
        "=;",
        "= ",
    ),
    *(
        'authorization: digest a="',
        "authorization: digest a=b, ",
        "header value: b'",
        "\t",
        ":",
        "@",
    ),
]


def steps(text: str) -> float:
    """The least CPU time of a few: all other work on the machine only adds to it."""
    took = []
    for _ in range(5):
        began = time.process_time()
        credentials._CREDENTIALS.sub("", text)
        took.append(time.process_time() - began)
    return min(took)


@pytest.mark.parametrize("piece", part_of(HOSTILE, every=4))
def test_the_work_is_linear_whatever_is_looked_at(piece: str) -> None:
    """Ten times the text is ten times the work, and some; were it quadratic, a hundred times."""
    text = piece * (100_000 // len(piece))
    assert steps(text) < 40 * max(steps(text[:10_000]), 0.0005)
