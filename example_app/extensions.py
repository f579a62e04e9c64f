"""The extension objects, in a module of their own so that views and factory can share them."""

from flask_babel import Babel

from flask_stream import FlaskStream

stream = FlaskStream()
babel = Babel()
