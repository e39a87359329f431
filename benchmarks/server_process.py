"""A server of its own for a benchmark, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.places import ROOT

Data = dict[str, Any]

KEY = "a-key-of-the-benchmark"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class ServerProcess:
    """`vultus serve` on a free port; its log is a file in the data folder."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.began = time.perf_counter()
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vultus", "serve", "--port", "0", "--data-dir", str(folder)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=dict(os.environ) | {"VULTUS_API_KEY": KEY} | (settings or {}),
                encoding="utf-8",
            )
        self.port = self._read_port()

    def _read_port(self) -> int:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = _ADDRESS.search(line)
            if found:
                return int(found[1])
        raise RuntimeError(f"the server ended with status {self._process.wait()}")

    def ask(self, path: str, data: bytes | None = None, kind: str = "image/jpeg") -> int:
        """The status of one request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data,
            {"X-Api-Key": KEY, "Content-Type": kind},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def wait_until(self, path: str, seconds: float = 60) -> float:
        """Seconds from the start of the process until `path` answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.ask(path) == 200:
                    return time.perf_counter() - self.began
            except OSError:
                pass
            time.sleep(0.01)
        raise TimeoutError(f"{path} does not answer")

    def resident_mb(self) -> float:
        text = Path(f"/proc/{self._process.pid}/statm").read_text()
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def kill(self) -> None:
        """As a power cut would, for the process."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    @property
    def status(self) -> int:
        """The status with which it ended, once it has."""
        return self._process.wait(timeout=40)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def run_clients(server: ServerProcess, **asked: Any) -> Data:
    """`benchmarks.server_clients` with these orders, to its end."""
    with start_clients(server, **asked) as process:
        return clients_answer(process)


def start_clients(server: ServerProcess, **asked: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server_clients"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        encoding="utf-8",
    )
    assert process.stdin is not None
    orders = {"host": "127.0.0.1", "port": server.port, "key": KEY, **asked}
    process.stdin.write(json.dumps(orders) + "\n")
    process.stdin.close()
    return process


def clients_answer(process: subprocess.Popen[str]) -> Data:
    assert process.stdout is not None
    text = process.stdout.read()
    if process.wait():
        raise RuntimeError("the clients failed")
    answer: Data = json.loads(text)
    return answer
