"""All that Flask-Stream itself says to a reader, in English: what `STREAM_GETTEXT` translates.

A text is the same whatever it is said of, so that a catalogue can have it: what differs stands in
it as a `{name}`. Those of the codes of `failed` are in `errors`.
"""

from __future__ import annotations

from .errors import SAFE_MESSAGES

# Of a run
TOOK_TOO_LONG = "The answer took too long."
NOBODY_READ = "Nobody was reading any more, so the answer was ended before its end."
CANNOT_KEEP = "The server cannot keep this answer right now. Please try again in a moment."

# Of who may ask, and how much at once
SIGN_IN = "You are not signed in. Sign in, then ask again."
TOO_MANY_HERE = "Too many answers are being written right now. Please try again in a moment."
TOO_MANY_OF_READER = (
    "Too many answers are being written for you right now. Please try again once one of them has "
    "ended."
)
GONE = "This answer is not there any more."
NOT_YET = "This answer has not begun yet. Please try again in a moment."

# Of pages of other sites
OTHER_SITE = (
    "A page of another site asked for this, so it was refused: it would spend your tokens. If "
    "that site may ask (in an app with Flask-CORS and tokens of its own, for instance), name it "
    "in STREAM_TRUSTED_ORIGINS, or put @stream.response(cross_site=True) on the route."
)
OTHER_SITE_OR_PROXY = (
    f"{OTHER_SITE} If it was the app's own page, a proxy changes the Host header: have it pass on "
    "the browser's (nginx: proxy_set_header Host $host)."
)
SITE_WITHOUT_ORIGIN = (
    "A link, an image or a frame on a page of another site asked for this, so it was refused: it "
    "would spend your tokens. No Origin comes with those, so STREAM_TRUSTED_ORIGINS cannot name "
    "it. Have it lead to a page of the app, which then asks, or put "
    "@stream.response(cross_site=True) on the route."
)
SITE_OF_NOBODY = (
    "The page that asked for this does not say whose it is (Origin: null), so it was refused: it "
    "would spend your tokens. If it was the app's own form, its page has Referrer-Policy: "
    "no-referrer: make that same-origin, or serve the app over https. A sandboxed frame and a "
    "local file ask like this too: for those there is @stream.response(cross_site=True)."
)

# Of what a request says
NO_FORMAT = (
    "This route cannot answer with what the Accept header asks for. It has {types}, and as "
    "text/event-stream;format=NAME: {names}."
)
NO_POSITION = "after= must be the number of an event: what stands behind the dot of its id."
NO_WANT = "{header}: must be {find} or {stop}."
NO_KEY = "{header} must have between 1 and {most} characters, such as a UUID. It has {characters}."
USED_KEY = (
    "This Idempotency-Key was used for another request. Send each request with a key of its own."
)
TOO_LARGE = (
    "The request's body has more than {most} bytes, which is more than can be kept for an answer "
    "that outlives its request. Send files as a form's."
)
NO_SUBMISSION = (
    "{header} must have between 1 and {most} characters, all of them visible ASCII, such as a "
    "UUID. It has {characters}."
)
NO_ATTEMPT = (
    "{header} must be a whole number from 1 to {most}: 1 for the first request of a question, 2 "
    "for the next one."
)

#: What may be an error's message, or that of `failed`: the codes' own, and each with a name here.
MESSAGES = (
    *SAFE_MESSAGES.values(),
    *(text for name, text in dict(globals()).items() if name.isupper() and isinstance(text, str)),
)
