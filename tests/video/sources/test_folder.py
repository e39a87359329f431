from __future__ import annotations

import os
from datetime import datetime, timezone

import numpy as np
import pytest
from PIL import Image

from tests.video.clips import number_of, numbered, write_pictures
from vultus.errors import SourceDenied, SourceNotVideo
from vultus.settings import Settings
from vultus.video.sources.opening import open_source

SETTINGS = Settings()


def test_natural_order_and_nothing_but_pictures(tmp_path):
    for number, name in enumerate(["1.png", "Img2.PNG", "img10.png", "img10a.png"]):
        Image.fromarray(numbered(number)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    write_pictures(tmp_path / "below", 2)
    source = open_source(str(tmp_path), SETTINGS)
    assert [number_of(frame.image) for frame in source.frames()] == [0, 1, 2, 3]
    assert source.info.duration == 4
    source.close()


def test_each_picture_has_its_own_size_and_is_upright(tmp_path):
    Image.fromarray(numbered(0, (160, 96))).save(tmp_path / "0.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise when shown
    stored = np.ascontiguousarray(np.rot90(numbered(1, (200, 96))))
    Image.fromarray(stored).save(tmp_path / "1.jpg", exif=exif, quality=95)
    source = open_source(str(tmp_path), SETTINGS)
    frames = list(source.frames())
    source.close()
    assert [frame.size_wh for frame in frames] == [(160, 96), (200, 96)]
    assert [number_of(frame.image) for frame in frames] == [0, 1]


def test_what_cannot_be_read_is_skipped_and_counted_and_its_second_stays_empty(tmp_path, caplog):
    write_pictures(tmp_path, 4)
    (tmp_path / "1.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path), SETTINGS)
    frames = list(source.frames())
    assert [frame.media_time for frame in frames] == [0, 2, 3]
    assert [frame.index for frame in frames] == [0, 2, 3]
    assert source.damaged == 1
    assert "1.png" in caplog.text
    source.close()


def test_the_limit_on_pixels_holds(tmp_path):
    write_pictures(tmp_path, 2)
    Image.fromarray(numbered(0, (400, 400))).save(tmp_path / "1.png")
    source = open_source(str(tmp_path), Settings(limits={"max_image_pixels": 160 * 96}))
    assert len(list(source.frames())) == 1
    assert source.damaged == 1


def test_the_moment_is_that_of_the_first_file(tmp_path):
    write_pictures(tmp_path, 2)
    os.utime(tmp_path / "0.png", (1_600_000_000, 1_600_000_000))
    source = open_source(str(tmp_path), SETTINGS)
    taken = [frame.taken_at for frame in source.frames()]
    assert taken[0] == datetime.fromtimestamp(1_600_000_000, timezone.utc)
    assert (taken[1] - taken[0]).total_seconds() == 1


def test_no_pictures_is_no_video(tmp_path):
    with pytest.raises(SourceNotVideo, match="no picture"):
        open_source(str(tmp_path), SETTINGS)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(SourceNotVideo, match="can be read"):
        open_source(str(tmp_path), SETTINGS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    folder = write_pictures(tmp_path / "f", 1)
    folder.chmod(0)
    with pytest.raises(SourceDenied):
        open_source(str(folder), SETTINGS)


def test_close_in_the_middle_ends_it(tmp_path):
    source = open_source(str(write_pictures(tmp_path / "f", 5)), SETTINGS)
    iterator = source.frames()
    next(iterator)
    source.close()
    assert list(iterator) == []
