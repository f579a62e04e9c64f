"""What looks like a credential, in text that somebody else wrote.

By its place in a URL or a header, by the name before it, or by its own shape: whatever has none of
these is not known for one. Each alternative of the pattern begins with a word or a sign of its own
and goes on without a choice that it could come back to, so that the work is linear.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_LONGEST = 1000  # characters; one that begins among those shown is looked for so far beyond

# A value in quotes, to the end of the text where they are not closed: Python's of str and bytes,
# and JSON's; the same in JSON that is itself a string of JSON's, where quotes have backslashes.
_QUOTED = r"""(?:
    b?"(?:[^"\\]|\\.)+"?  |  b?'(?:[^'\\]|\\.)+'?
  | \\"(?:[^"\\]|\\{2,8}.|\\[^"\\])+(?:\\")?  |  \\'(?:[^'\\]|\\{2,8}.|\\[^'\\])+(?:\\')?
  | \\{2,4}"[^"]+"?  |  \\{2,4}'[^']+'?
)"""
_BARE = r"""[^\s&"'<>,;)}]+"""

# What such a name ends with. Behind one of the first whatever follows is a secret; the second are
# words of sentences, too («Unexpected token: <»), so there it must look like one.
_KEY = r"""(?:
    (?:api|secret|access|subscription|account|private|shared|function|functions|master)[-_]?key
  | (?:auth|access|refresh|session|security|private)[-_]?token | client[-_]?secret
)"""
_WORD = r"(?:token|secret|passw(?:or)?d|passphrase|pwd|signature|credentials?)"

_IS = r"""\\{0,4}["']?\s{0,3}[=:]\s{0,3}"""  # behind a name: `=`, `: `, `": `, `\": `
_SCHEME = r"(?:basic|bearer|token|api-?key|key|digest|negotiate|ntlm|hawk|dpop|aws4-hmac-sha256)"
_PARAMETER = r"""[\w-]{1,40}=(?:"[^"]*"?|[^\s,"']*)"""  # of Digest (RFC 7616), for one
_COOKIE = r"""[^\s;,="'<>]{1,200}=[^\s;,"'<>]*"""

# The group is what stands before it, and is left.
_CREDENTIALS = re.compile(
    rf"""
      (://) [^\s/?#"'<>]{{1,300}} @                                    # user:password@host
    | (\b[\w.%+-]{{1,64}}:) [^\s/?#@:"'<>]{{1,300}} (?=@[\w\[])        # the same without ://
    | ([?&;](?:[\w.%-]{{0,40}}[-_.])?(?:key|sig|auth|pass)=) [^\s&"'<>]+  # ?key=
    | (authorization{_IS}) {_QUOTED}
    | (authorization{_IS}{_SCHEME}\s{{1,3}})
      (?:{_PARAMETER}(?:,\s{{0,3}}{_PARAMETER}){{0,20}} | {_QUOTED} | {_BARE})
    | (authorization{_IS}) {_BARE} (?:\ (?=[\w.+/~-]{{0,300}}\d)[\w.+/~-]{{8,}}=*)?
    | (\bcookie{_IS}) (?:{_QUOTED} | {_COOKIE}(?:;\s?{_COOKIE}){{0,50}})
    | ({_KEY}{_IS}) (?:{_QUOTED} | {_BARE})                            # api_key=, x-api-key:
    | ([(\[]b?(?P<quote>["'])[\w-]{{0,40}}(?:{_KEY}|{_WORD}|authorization|cookie)(?P=quote),\s?)
      {_QUOTED} (?=\s?[)\]])                                           # ('x-api-key', '…')
    | (header\ value:?\s{{0,3}}) {_QUOTED}                             # as h11 and requests say it
    | ({_WORD}=) (?:{_QUOTED} | {_BARE})                               # access_token=
    | ((?:{_WORD}|api\ key(?:\ provided)?){_IS}) (?:{_QUOTED} | [\w.+/=*-]{{12,}})
    | (\bbearer\s+) (?=[\w.~+/-]{{0,300}}\d) [\w.~+/=-]{{8,}}          # Bearer …
    | (\b(?:sk|pk|rk|gsk|hf|r8|xai|pplx|nvapi|glpat)[-_]) (?=[\w-]{{0,300}}\d) [\w-]{{12,}}
    | (\b(?:gh[oprsu]|github_pat)_) (?=\w{{0,300}}\d) \w{{12,}}        # GitHub's
    | (\b(?:xox[a-z]|xapp)-) (?=[\w-]{{0,300}}\d) [\w-]{{8,}}          # Slack's
    | ((?-i:\b(?:AKIA|ASIA))) (?-i:(?=[A-Z]*\d)[A-Z0-9]{{12,}})                  # AWS's
    | ((?-i:\bAIza)) [\w-]{{30,}} | (\bya29\.) [\w.-]{{8,}}            # Google's
    | ((?-i:\beyJ)) [\w-]{{8,}} \. [\w-]+ \. [\w-]*                    # a JSON web token
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def without_credentials(text: str, most: int) -> str:
    """The first `most` characters of `text`, where `***` stands for each credential."""
    kept: list[str] = []
    at = 0
    for found in _CREDENTIALS.finditer(text, 0, most + _LONGEST):
        if found.start() >= most:
            break
        before = next(group for group in found.groups() if group is not None)
        kept += [text[at : found.start()], before, HIDDEN]
        at = found.end()
    kept.append(text[at:most])
    return "".join(kept)
