"""A real nginx, as a process of its own, with all its files in a test's folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.client import DEADLINE

CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port}{parameter};
        location / {{
            {location}
        }}
    }}
}}
"""


def nginx_binary() -> str:
    """Where nginx is: `NGINX`, or the machine's, or the one that `make test` got into .venv."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", sys.exec_prefix + "/bin"]
    path = os.environ.get("NGINX") or shutil.which("nginx", path=os.pathsep.join(folders))
    assert path, "These tests need nginx: «make test» gets it, or set NGINX to its path."
    return path


@contextmanager
def nginx(folder: Path, location: str, http: str = "", parameter: str = "") -> Iterator[int]:
    """Run nginx until the end of the block; gives the port where it listens.

    :param folder: where a folder of its own is made.
    :param location: what stands in `location / { … }`.
    :param http: what stands in `http { … }` beside the server.
    :param parameter: of `listen`, such as `http2`.
    """
    binary = nginx_binary()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        # Not by its port: another nginx of this folder may have had that before.
        own = Path(tempfile.mkdtemp(prefix="nginx-", dir=folder))
        (own / "nginx.conf").write_text(
            CONFIG.format(
                folder=own,
                port=port,
                location=location,
                http=http,
                parameter=f" {parameter}" if parameter else "",
                # Else root's workers become somebody who may not enter the folder.
                user=f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else "",
            )
        )
        process = subprocess.Popen(
            [binary, "-p", str(own), "-c", str(own / "nginx.conf"), "-e", str(own / "error.log")],
            # How nginx takes over an open listener from another nginx: no port can be lost.
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        try:
            yield port
        finally:
            process.terminate()
            process.wait(DEADLINE)
