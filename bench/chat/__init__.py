"""`<flask-chat>` beside other chats that are dropped into a page: `python -m bench.chat`."""
