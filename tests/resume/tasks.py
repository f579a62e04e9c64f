"""The site, with a view that has a Celery worker ask the provider; and what that worker runs.

`BROKER` is the URL of the Redis that the tasks go through.
"""

from __future__ import annotations

import os
from functools import partial

import openai
from celery import Celery
from flask import Response

from flask_stream import Result
from tests.resume.site import app, stream, write_down

__all__ = ["app"]

celery = Celery("tasks", broker=os.environ["BROKER"])
celery.conf.task_ignore_result = True


@celery.task
def answer(prompt: str, owner: str) -> None:
    write_down("ASKED", prompt, os.getpid())
    client = openai.OpenAI(base_url=os.environ["PROVIDER"], api_key="none", max_retries=0)
    with client, app.app_context():
        stream.publish(
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": prompt}], stream=True
            ),
            owner=owner,
            key=f"answer:{prompt}",
            on_finish=partial(finish, prompt),
        )


def finish(prompt: str, result: Result) -> None:
    write_down("FINISHED", prompt, result.outcome, result.text)


@app.post("/answers/<prompt>")
def enqueue(prompt: str) -> str:
    answer.delay(prompt, stream.current_owner())
    return ""


@app.get("/answers/<prompt>")
def follow(prompt: str) -> Response:
    return stream.follow(key=f"answer:{prompt}", wait=5)
