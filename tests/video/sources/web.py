"""A small web server for tests: files with ranges, MJPEG, HLS, and everything that goes wrong."""

from __future__ import annotations

import base64
import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from tests.video.clips import numbered

_MP4 = {".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(numbered(number)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class WebServer:
    """Serves a folder and some addresses of its own; `with WebServer(folder) as web`.

    `/mjpeg` counts up at `fps`; `/live.m3u8` is a playlist of the folder's `piece*.ts`, one more
    each second; `/still` is one JPEG; `/page` is HTML; `/secret/...` wants the
    user `u` with the password `geheim`; `/forbidden`, `/broken` (500), `/silent` (accepts and
    says nothing) and `/cut/...` (a file of which only the first half is sent) go wrong.
    """

    def __init__(self, folder: Path, *, fps: int = 25, port: int = 0) -> None:
        self.folder, self.fps = folder, fps
        self.over = threading.Event()
        self.mute = threading.Event()
        self.asked: list[str] = []
        self.began = time.monotonic()
        web = self

        class Handler(_Handler):
            server_of_tests = web

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = False
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, path: str, login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server_of_tests: WebServer

    def do_GET(self) -> None:
        self.server_of_tests.asked.append(self.path)
        path = self.path.lstrip("/").partition("?")[0]
        special = {
            "mjpeg": self._mjpeg,
            "live.m3u8": self._playlist,
            "still": lambda: self._body(jpeg(0), "image/jpeg"),
            "page": lambda: self._body(b"<html><body>Log in</body></html>" * 9, "text/html"),
            "forbidden": lambda: self.send_error(403),
            "broken": lambda: self.send_error(500),
            "silent": lambda: self.server_of_tests.over.wait(20),
        }
        try:
            if path in special:
                special[path]()
            elif path.startswith("secret/") and not self._knows_password():
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="cameras"')
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                cut = path.startswith("cut/")
                self._file(path.removeprefix("secret/").removeprefix("cut/"), cut=cut)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _knows_password(self) -> bool:
        wanted = "Basic " + base64.b64encode(b"u:geheim").decode()
        return self.headers.get("Authorization") == wanted

    def _body(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _file(self, name: str, *, cut: bool) -> None:
        path = self.server_of_tests.folder / name
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        first, last = self._range(len(data))
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Type", _MP4.get(path.suffix, "application/octet-stream"))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(data[first : min(last + 1, len(data) // 2) if cut else last + 1])

    def _range(self, size: int) -> tuple[int, int]:
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        return int(first), int(last) if last else size - 1

    def _playlist(self) -> None:
        web = self.server_of_tests
        pieces = sorted(web.folder.glob("piece*.ts"))
        last = min(len(pieces), 3 + int(time.monotonic() - web.began))
        first = max(0, last - 4)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        for piece in pieces[first:last]:
            lines += ["#EXTINF:1.0,", piece.name]
        self._body("\n".join([*lines, ""]).encode(), _MP4[".m3u8"])

    def _mjpeg(self) -> None:
        web = self.server_of_tests
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        began, number = time.monotonic(), 0
        while not web.over.is_set():
            if not web.mute.is_set():
                data = jpeg(number % 1024)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
            number += 1
            web.over.wait(max(0.0, began + number / web.fps - time.monotonic()))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""
