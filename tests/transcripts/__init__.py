"""Small provider streams of the project's own, and what each of them must come to.

`*.sse`: the bytes as a provider would send them; the name begins with the wire. All of it is
made up: no id, key, address or word of it was ever a provider's.
"""
