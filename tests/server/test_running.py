"""The server as it is started: what comes before any request is limited, too."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from benchmarks.server_process import ServerProcess

from vultus.errors import StorageError, UsageError
from vultus.server.running import alone_in

REQUEST = b"GET /api/v1/groups/team/people/Ada%20Lovelace HTTP/1.1\r\nHost: h\r\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "server.log"


@pytest.fixture(scope="module")
def server(log) -> Iterator[ServerProcess]:
    with ServerProcess(log.parent) as process:
        process.wait_until("/health")
        yield process


@pytest.fixture
def connection(server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as made:
        yield made


def refused(connection: socket.socket) -> tuple[int, str]:
    with HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status, json.load(answer)["error"]["code"]


@pytest.mark.parametrize("part", [b"a" * 2**16, b"X-A: b\r\n" * 2**13])
def test_headers_without_end_are_cut_off(connection, part):
    """Whoever sends them has shown no key yet."""
    connection.sendall(REQUEST + b"X-Long: ")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(1000):
            connection.sendall(part)


def test_an_upgrade_does_not_pass_by_the_gate(connection, server, log):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    connection.sendall(REQUEST + upgrade + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert refused(connection) == (401, "access_denied")
    assert "Lovelace" not in log.read_text()  # nobody's name in the log


def test_methods_that_nobody_knows_are_told_so(connection):
    connection.sendall(b"BREW /face/v1.0/detect HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert refused(connection) == (401, "401")


def test_a_second_server_on_the_same_folder_is_refused(server, log):
    """It would take up the first one's jobs, and throw away what is being uploaded."""
    folder = log.parent
    uploads = folder / "uploads"
    uploads.mkdir(exist_ok=True)
    (uploads / "import-1.zip").touch()
    command = ["-m", "vultus", "serve", "--port", "0", "--data-dir", str(folder)]
    second = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 2
    assert "Another server works in" in second.stderr
    assert "[usage]" in second.stderr
    assert second.stdout == ""  # no key was made, and none was shown
    assert (uploads / "import-1.zip").exists()
    assert server.ask("/health") == 200


def test_a_folder_is_free_again_when_its_server_has_gone(tmp_path):
    with alone_in(tmp_path / "new"):
        with pytest.raises(UsageError, match="Another server"), alone_in(tmp_path / "new"):
            pass
        assert (tmp_path / "new" / "server.lock").stat().st_mode & 0o077 == 0
    with alone_in(tmp_path / "new"):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"), alone_in(tmp_path / "file" / "x"):
        pass
