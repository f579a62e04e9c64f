"""Run by test_wheel.py from another folder, with a Python that has only the built wheel."""

import re

from flask import Flask, render_template_string

import flask_stream
from flask_stream import FlaskStream

app = Flask(__name__)
stream = FlaskStream(app)


@app.get("/words")
@stream.response
def words():
    yield "Hello, "
    yield "world"


@app.get("/page")
def page():
    return render_template_string("{{ stream_url() }} {{ stream_style() }}")


client = app.test_client()

answer = client.get("/words")
assert answer.mimetype == "text/event-stream", answer.mimetype
assert 'data: {"text":"Hello, "}' in answer.text, answer.text
*_, last = answer.text.strip().split("\n\n")
assert last.startswith("event: done\n"), answer.text

script_url, style_tag = client.get("/page").text.split(" ", 1)
[style_url] = re.findall(r'href="([^"]+)"', style_tag)
for url, mimetype in [(script_url, "text/javascript"), (style_url, "text/css")]:
    file = client.get(url)
    assert (file.status_code, file.mimetype) == (200, mimetype), (url, file.status, file.mimetype)
    assert file.data, url

print(flask_stream.__file__)
