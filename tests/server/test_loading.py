"""Models are loaded once, however many ask for them at first."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from PIL import Image

from tests.server.live import live_server, settings_in
from vultus.models.session import OnnxSession


def test_no_model_is_loaded_twice(tmp_path, astronaut, monkeypatch):
    loaded: Counter[str] = Counter()
    lock, make = Lock(), OnnxSession.__init__

    def counted(self, data, name, runtime):
        with lock:
            loaded[name] += 1
        make(self, data, name, runtime)

    monkeypatch.setattr(OnnxSession, "__init__", counted)
    buffer = io.BytesIO()
    Image.fromarray(astronaut).save(buffer, "JPEG")
    headers = {"Content-Type": "image/jpeg"}
    with live_server(settings_in(tmp_path)) as live, ThreadPoolExecutor(8) as pool:

        def embed(_: int) -> int:
            answer = live.client.post("/api/v1/embed", content=buffer.getvalue(), headers=headers)
            return len(answer.json()["faces"])

        assert list(pool.map(embed, range(8))) == [1] * 8
    assert set(loaded.values()) == {1}
    assert len(loaded) == 4  # three of the detector, one of the embedder
