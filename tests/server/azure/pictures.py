"""Pictures for requests: photos in other formats, a web server that has them, raw requests."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from PIL import Image

from tests.server.azure.clients import BASE, OCTETS
from tests.server.live import Live


def detect(live: Live, picture: Path | bytes, **query: str) -> httpx.Response:
    """A plain request, as somebody without an SDK sends it."""
    data = picture if isinstance(picture, bytes) else picture.read_bytes()
    return live.client.post(f"{BASE}/detect", params=query, content=data, headers=OCTETS)


def face_ids(live: Live, picture: Path | bytes, **query: str) -> list[str]:
    """Of the faces of a picture, largest first."""
    return [face["faceId"] for face in found(live, picture, **query)]


def found(live: Live, picture: Path | bytes, **query: str) -> list[dict]:
    answer = detect(live, picture, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def encoded(path: Path, kind: str, mode: str = "RGB") -> bytes:
    """A photo as BMP, PNG, GIF..."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert(mode).save(buffer, kind)
    return buffer.getvalue()


@contextmanager
def web_of(pages: dict[str, bytes]) -> Iterator[str]:
    """A web server of this machine; 404 for everything else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
