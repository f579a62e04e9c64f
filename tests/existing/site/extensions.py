"""The extensions, each made once and given its app in the factory."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_compress import Compress
from flask_cors import CORS
from flask_limiter import Limiter
from flask_login import LoginManager, current_user
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from flask_stream import FlaskStream


def user_or_address() -> str:
    return current_user.get_id() or request.remote_addr or ""


db: Any = SQLAlchemy()
login = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(user_or_address, storage_uri="memory://")
cors = CORS()
compress = Compress()
server_session = Session()
stream = FlaskStream()
