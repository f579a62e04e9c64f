"""How pytest-xdist shares the tests out: to start a server takes longer than most tests of it."""

from __future__ import annotations

import re

from xdist.scheduler import LoadFileScheduling

from tests.servers.running import SERVERS

# Whose tests ask the servers of the fixture `server`; others have servers of their own.
OF_SERVER = re.compile(r"tests/servers/test_(deadlines|faults|leaving|servers)\.py")
NAMES = re.compile(r"\[.*(" + "|".join(map(re.escape, SERVERS)) + r")\b")


class Sharing(LoadFileScheduling):
    """What is run by one process: all of a file, or all of it that asks one kind of server."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        server = NAMES.search(nodeid) if file.startswith("tests/servers/") else None
        if server is None:
            return file
        return server[1] if OF_SERVER.match(file) else f"{file} {server[1]}"
