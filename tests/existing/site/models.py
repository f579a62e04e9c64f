"""Who asks, and what was said."""

from __future__ import annotations

from typing import Any

from flask_login import UserMixin

from .extensions import db, login

Model: Any = db.Model


class User(UserMixin, Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String, unique=True, nullable=False)
    turns = db.relationship("Turn", back_populates="user", order_by="Turn.id")


class Turn(Model):
    """A question, and its answer as far as it came."""

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id"), nullable=False)
    question = db.Column(db.String, nullable=False)
    answer = db.Column(db.String)
    outcome = db.Column(db.String)
    saved_by = db.Column(db.String)  # who current_user was when the answer was saved
    user = db.relationship("User", back_populates="turns")


@login.user_loader
def load_user(id: str) -> User | None:
    user: User | None = db.session.get(User, int(id))
    return user
