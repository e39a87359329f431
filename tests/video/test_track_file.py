from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.video.builders import at, every, look, seen
from vultus.errors import StorageError, TracksInvalid
from vultus.video.moment import Look, Moment, Sighting
from vultus.video.track_file import TrackHeader, TrackReader, TrackWriter

HEADER = TrackHeader("door", "team", "a-model", {"absence_s": 5.0}, {"path": [(0.0, 0.5)]})
MOMENTS = [*every(0.2, 0, 1, seen(1, "ada"), seen(2, poor="small")), at(1.2, ended=[1, 2])]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tracks.jsonl"


def write(path, moments, header: TrackHeader = HEADER) -> None:
    writer = TrackWriter(path, header)
    for moment in moments:
        writer.write(moment)
    writer.close()


def read(path) -> list[Moment]:
    return list(TrackReader(path).moments())


def plain(moment: Moment) -> tuple:
    """A moment in parts that can be compared."""
    return (
        moment.index, moment.media_time, moment.taken_at, moment.size_wh, moment.ended,
        [
            (s.track, s.box, s.score, s.quality, s.poor, s.look and (
                s.look.embedding.tobytes(), s.look.embedding.dtype, s.look.quality,
                s.look.face_px, s.look.sharpness, s.look.yaw_deg))
            for s in moment.sightings
        ],
    )  # fmt: skip


NUMBERS = st.floats(-1e6, 1e6)
PARTS = st.floats(0, 1)
LOOKS = st.builds(
    Look,
    st.integers(0, 2**31).map(
        lambda seed: np.random.default_rng(seed).normal(0, 1, 128).astype(np.float32)
    ),
    PARTS,
    NUMBERS,
    PARTS,
    NUMBERS,
)
SIGHTINGS = st.builds(
    Sighting,
    st.integers(1, 10**6),
    st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    PARTS,
    st.none() | PARTS,
    st.none() | LOOKS,
    st.none() | st.sampled_from(["small", "blurred", "turned", "doubtful"]),
)
ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
ANY_MOMENTS = st.builds(
    Moment,
    st.integers(0, 10**9),
    st.fractions(0, 10**6),
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=ZONES),
    st.tuples(st.integers(1, 8000), st.integers(1, 8000)),
    st.lists(SIGHTINGS, max_size=4).map(tuple),
    st.lists(st.integers(1, 99), max_size=3).map(tuple),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(ANY_MOMENTS, max_size=4))
def test_what_is_written_is_read_again(path, moments):
    write(path, moments)
    assert [plain(moment) for moment in read(path)] == [plain(moment) for moment in moments]


def test_the_header_is_read_again(path):
    write(path, [])
    header = TrackReader(path).header
    assert (header.camera, header.group, header.model) == ("door", "team", "a-model")
    assert header.video == {"absence_s": 5.0}
    assert header.zones == {"path": [(0.0, 0.5)]}
    assert read(path) == []


def test_times_are_exact(path):
    write(path, [Moment(3, Fraction(1001, 30000), MOMENTS[0].taken_at, (10, 10))])
    assert read(path)[0].media_time == Fraction(1001, 30000)


def test_it_can_be_read_twice(path):
    write(path, MOMENTS)
    reader = TrackReader(path)
    assert len(list(reader.moments())) == len(list(reader.moments())) == len(MOMENTS)


def test_folders_are_made(tmp_path):
    write(tmp_path / "deep" / "er" / "tracks.jsonl", MOMENTS)
    assert len(read(tmp_path / "deep" / "er" / "tracks.jsonl")) == len(MOMENTS)


def test_a_line_that_was_torn_is_left_out(path):
    write(path, MOMENTS)
    whole = path.read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1  # of the last line
    for end in range(begin, len(whole)):
        path.write_bytes(whole[:end])
        assert len(read(path)) == len(MOMENTS) - 1


def test_a_line_that_is_damaged_is_named(path):
    write(path, MOMENTS)
    lines = path.read_bytes().splitlines(keepends=True)
    for number in range(1, len(lines) + 1):
        broken = [*lines]
        broken[number - 1] = b"{\xff" + lines[number - 1][2:]
        path.write_bytes(b"".join(broken))
        with pytest.raises(TracksInvalid, match=f"line {number}"):
            read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"torn", b"A shopping list.\n", b"[1, 2]\n", b"{}\n", b'{"vultus_tracks": 2}\n',
     b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, b"null\n", b'{"vultus_tracks": 1}\n',
     b"[" * 100_000 + b"\n"],
)  # fmt: skip
def test_another_file_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(TracksInvalid, match=r"tracks\.jsonl"):
        TrackReader(path)


@pytest.mark.parametrize("place", ["missing.jsonl", "."])
def test_what_cannot_be_read(tmp_path, place):
    with pytest.raises(TracksInvalid, match="cannot be read"):
        TrackReader(tmp_path / place)


def test_what_cannot_be_written(tmp_path):
    tmp_path.joinpath("file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        TrackWriter(tmp_path / "file" / "tracks.jsonl", HEADER)


def test_a_full_disk_is_told(path):
    with pytest.raises(StorageError, match="cannot be written"):
        writer = TrackWriter(type(path)("/dev/full"), HEADER)
        try:
            for _ in range(200):
                writer.write(MOMENTS[0])
        finally:
            writer.close()


def damaged(change) -> dict:
    record = {
        "index": 0, "media_time": "0", "taken_at": "2026-11-21T08:30:00.000000Z",
        "size_wh": [4, 3], "ended": [],
        "sightings": [{"track": 1, "box": [0, 0, 1, 1], "score": 1, "quality": None, "poor": None}],
    }  # fmt: skip
    change(record)
    return record


DAMAGES = {
    "no time": lambda r: r.pop("media_time"),
    "a time that is none": lambda r: r.update(media_time="soon"),
    "an endless time": lambda r: r.update(media_time="1/0"),
    "no date": lambda r: r.update(taken_at="yesterday"),
    "a date of another kind": lambda r: r.update(taken_at=5),
    "a size of three": lambda r: r.update(size_wh=[1, 2, 3]),
    "an endless index": lambda r: r.update(index=float("inf")),
    "an index that is no number": lambda r: r.update(index=float("nan")),
    "no sightings": lambda r: r.update(sightings=None),
    "a sighting of another kind": lambda r: r.update(sightings=[7]),
    "a box of two": lambda r: r["sightings"][0].update(box=[1, 2]),
    "a look of another kind": lambda r: r["sightings"][0].update(look="good"),
    "a look without embedding": lambda r: r["sightings"][0].update(look={"quality": 1}),
    "an embedding that is too short": lambda r: r["sightings"][0].update(
        look={"embedding": "AAAA", "quality": 1, "face_px": 1, "sharpness": 1, "yaw_deg": 0}
    ),
}


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_moment_that_is_damaged(path, change):
    write(path, [])
    with path.open("a") as file:
        file.write(json.dumps(damaged(change)) + "\n")
    with pytest.raises(TracksInvalid, match="line 2"):
        read(path)


def test_the_undamaged_one_is_fine(path):
    write(path, [])
    with path.open("a") as file:
        file.write(json.dumps(damaged(lambda _: None)) + "\n")
    assert len(read(path)) == 1


def test_embeddings_are_float32_of_their_own(path):
    write(path, [at(0, Sighting(1, (0, 0, 1, 1), 1, 1, look("ada", 0.25)))])
    (sighting,) = read(path)[0].sightings
    assert sighting.look.embedding.dtype == np.float32
    sighting.look.embedding[0] = 7  # not a view of what was read
