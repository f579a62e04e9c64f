"""The app that gunicorn runs: what boto3 gives."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

from tests.sources.chat_site import chat_site

client = boto3.client(
    "bedrock-runtime",
    region_name="eu-west-1",
    endpoint_url=os.environ["PROVIDER"],
    aws_access_key_id="none",
    aws_secret_access_key="none",
    config=Config(max_pool_connections=50),
)


def ask(prompt: str) -> Any:
    messages = [{"role": "user", "content": [{"text": prompt}]}]
    return client.converse_stream(modelId="m", messages=messages)


app, _ = chat_site(ask)
