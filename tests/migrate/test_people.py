"""Which pictures of whom; a picture need not be one to be planned."""

from __future__ import annotations

import json
import os
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from vultus.errors import ImportInvalid, ModelMismatch, NothingToDo
from vultus.migrate import people
from vultus.migrate.cameras import plan_double_take, plan_frigate
from vultus.migrate.compreface import plan_compreface
from vultus.migrate.people import plan_folder

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"


@pytest.fixture
def tree(tmp_path):
    """Make files by their paths below a folder, which is returned."""

    def make(*paths: str, root: str = "root"):
        for path in paths:
            place = tmp_path / root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"x")
        return tmp_path / root

    return make


def whom(plan, root):
    """People with their pictures, by path below the root."""
    return [(p.person, p.path.relative_to(root).as_posix()) for p in plan.pictures]


def left(plan):
    return {skipped.path.name: (skipped.reason, skipped.count) for skipped in plan.skipped}


# the folder of face_recognition's tools


def test_known_people_are_named_by_their_pictures(tree):
    root = tree("Barack Obama.jpg", "biden.jpg", "biden-2.png", "notes.txt", ".hidden.jpg")
    plan = plan_folder(root)
    assert [person for person, _ in whom(plan, root)] == ["Barack Obama", "biden-2", "biden"]
    assert left(plan) == {"root": ("not a picture by its name", 2)}
    assert "--numbered" in plan.notes[0]


def test_numbers_may_count_the_pictures_of_a_person(tree):
    names = ("biden.jpg", "biden-2.png", "biden_003.jpg", "biden 4.jpg", "biden (5).jpg")
    root = tree(*names, "r2d2.jpg", "007.jpg", "Louis 14 of France.jpg", "Ada_Lovelace_0001.jpg")
    plan = plan_folder(root, numbered=True)
    found = {person for person, _ in whom(plan, root)}
    assert found == {"biden", "r2d2", "007", "Louis 14 of France", "Ada_Lovelace"}
    assert not plan.notes


def test_a_folder_a_person_is_taken_as_enrol_takes_it(tree):
    root = tree("ada/1.jpg", "ada/old/2.jpg", "bob-2/1.webp", "cyd.jpg")
    expected = [("ada", "ada/1.jpg"), ("ada", "ada/old/2.jpg"), ("bob-2", "bob-2/1.webp")]
    assert set(whom(plan_folder(root, numbered=True), root)) == {*expected, ("cyd", "cyd.jpg")}


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_to_a_picture_is_followed_and_one_to_a_folder_is_not(tree):
    root = tree("ada/1.jpg")
    elsewhere = tree("x/1.jpg", root="elsewhere")
    (root / "bob.jpg").symlink_to(elsewhere / "x" / "1.jpg")
    (root / "cyd").symlink_to(elsewhere / "x")
    (root / "loop").symlink_to(root)
    plan = plan_folder(root)
    assert {person for person, _ in whom(plan, root)} == {"ada", "bob"}
    assert {name for name, (reason, _) in left(plan).items() if "link" in reason} == {"cyd", "loop"}
    frigate = plan_frigate(root)
    assert [person for person, _ in whom(frigate, root)] == ["ada"]


def test_what_is_no_folder_is_said(tree, tmp_path):
    root = tree("ada.jpg")
    with pytest.raises(ImportInvalid, match="no folder"):
        plan_folder(root / "ada.jpg")
    with pytest.raises(ImportInvalid, match="There is no folder"):
        plan_folder(root / "missing")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("train/ada/1.jpg", b"")
    for plan in (plan_folder, plan_double_take, plan_frigate, plan_compreface):
        with pytest.raises(ImportInvalid, match=r"zip archive.*Unpack it"):
            plan(tmp_path / "export.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo):
        plan_folder(tmp_path / "empty")


def test_no_more_pictures_than_the_limit(tree, monkeypatch):
    monkeypatch.setattr(people, "MAX_PICTURES", 2)
    with pytest.raises(ImportInvalid, match="more than 2 pictures"):
        plan_folder(tree("a/1.jpg", "a/2.jpg", "a/3.jpg"))


# Double Take

STORED = ("train/ada/1.jpg", "train/Bob B/1.png", "train/Bob B/note.txt", "database.db")
SEEN = ("matches/2f07.jpg", "matches/old/1.jpg", "latest/ada.jpg", "config/config.yml")


@pytest.mark.parametrize("below", ["", "train", ".."])
def test_double_takes_storage(tree, below):
    root = tree(*STORED, *SEEN, "train/loose.jpg", "train/empty/x.txt", root="home/.storage")
    plan = plan_double_take((root / below).resolve())
    assert whom(plan, root) == [("Bob B", "train/Bob B/1.png"), ("ada", "train/ada/1.jpg")]
    unconfirmed = "what cameras saw, confirmed by nobody"
    assert left(plan) == {
        "matches": (unconfirmed, 2),
        "latest": (unconfirmed, 1),
        "loose.jpg": ("not in a folder of a person", 1),
        "empty": ("no picture in it", 1),
        "Bob B": ("not a picture by its name", 1),
    }


def test_a_folder_that_is_not_double_takes(tree):
    with pytest.raises(ImportInvalid, match=r"neither train nor .storage/train"):
        plan_double_take(tree("ada/1.jpg"))
    with pytest.raises(NothingToDo):
        plan_double_take(tree("train/ada/x.txt", root="untrained"))


# Frigate

LIBRARY = ("ada/ada-x7.webp", "ada/ada_1731.5.webp", "Bob_B/1.jpg")


@pytest.mark.parametrize("root", ["media/clips/faces", "clips/faces", "faces", "copied"])
def test_frigates_library(tree, tmp_path, root):
    library = tree(*LIBRARY, "train/1731-ab-1731-ada-0.9.webp", "train/2.webp", root=f"top/{root}")
    start = library.parents[1] if root.endswith("clips/faces") else library
    plan = plan_frigate(start)
    assert sorted(whom(plan, library)) == [
        ("Bob_B", "Bob_B/1.jpg"),
        ("ada", "ada/ada-x7.webp"),
        ("ada", "ada/ada_1731.5.webp"),
    ]
    assert left(plan) == {"train": ("what cameras saw, confirmed by nobody", 2)}


def test_the_folder_of_clips_will_do(tree):
    root = tree(*(f"faces/{path}" for path in LIBRARY), "door-1731.jpg", root="clips")
    assert len(plan_frigate(root).pictures) == 3


def test_a_folder_that_is_not_frigates(tree):
    with pytest.raises(ImportInvalid, match="neither clips/faces nor faces"):
        plan_frigate(tree("ada.jpg", "config.yml"))
    with pytest.raises(ImportInvalid, match="vultus import double-take"):
        plan_frigate(tree("x/1.jpg", "train/ada/1.jpg", root="other"))
    with pytest.raises(NothingToDo):
        plan_frigate(tree("clips/faces/train/1.webp", root="nobody"))


# CompreFace

ID_A, ID_B, ID_C = (f"6b135f5b-a365-4522-b1f1-4c9ac2dd072{number}" for number in (8, 9, 0))


def page(*rows, number=0):
    faces = [{"image_id": image, "subject": subject} for image, subject in rows]
    return {"faces": faces, "page_number": number, "page_size": 20, "total_pages": 2}


def test_a_folder_a_subject(tree):
    root = tree("ada/1.jpg", "bob/1.png")
    assert whom(plan_compreface(root), root) == [("ada", "ada/1.jpg"), ("bob", "bob/1.png")]
    root = tree("images/ada/1.jpg", "subjects.json", root="script")
    assert whom(plan_compreface(root), root) == [("ada", "images/ada/1.jpg")]


def test_the_lists_of_the_api_with_pictures_beside_them(tree):
    root = tree(f"{ID_A}.jpg", f"images/{ID_B.upper()}", "other.jpg")
    (root / "0.json").write_text(json.dumps(page((ID_A, "Ada L."), (ID_C, "gone"))))
    (root / "1.json").write_text(json.dumps([page((ID_B, "bob"), (ID_A, "Ada L."), number=1)]))
    (root / "broken.json").write_text("{")
    plan = plan_compreface(root)
    assert whom(plan, root) == [("Ada L.", f"{ID_A}.jpg"), ("bob", f"images/{ID_B.upper()}")]
    assert left(plan) == {ID_C: ("no picture has this image_id as its name", 1)}
    one = plan_compreface(root / "0.json")
    assert whom(one, root) == [("Ada L.", f"{ID_A}.jpg")]


def test_an_example_of_nobody_is_left_out(tree):
    root = tree(f"{ID_A}.jpg")
    rows = [{"image_id": ID_A, "subject": "ada"}, {"image_id": ID_B}, {"image_id": 3}]
    (root / "faces.json").write_text(json.dumps(rows))
    plan = plan_compreface(root / "faces.json")
    assert [skipped.reason for skipped in plan.skipped] == [
        "an example without image_id or subject"
    ] * 2


EMBEDDINGS = {"result": [{"embedding": [0.1] * 512, "subjects": [{"subject": "ada"}]}]}


def test_embeddings_of_its_networks_are_refused(tree):
    root = tree("embedding.csv", "dump.sql")
    (root / "answer.json").write_text(json.dumps(EMBEDDINGS))
    for path in (root / "embedding.csv", root / "dump.sql", root / "answer.json", root):
        with pytest.raises(ModelMismatch, match=r"FaceNet, ArcFace.*Fetch the pictures"):
            plan_compreface(path)


def test_what_is_not_compreface(tree):
    root = tree("notes.txt", "picture.jpg")
    (root / "other.json").write_text('{"a": [1]}')
    with pytest.raises(ImportInvalid, match=r"not of CompreFace.*image_id"):
        plan_compreface(root)
    with pytest.raises(ImportInvalid, match="lists no examples"):
        plan_compreface(root / "other.json")
    with pytest.raises(ImportInvalid, match="no folder"):
        plan_compreface(root / "picture.jpg")
    with pytest.raises(ImportInvalid, match="There is no folder"):
        plan_compreface(root / "missing")
    (root / "listed.json").write_text(json.dumps(page((ID_A, "ada"))))
    with pytest.raises(NothingToDo):
        plan_compreface(root)


def test_the_lines_of_the_page_fetch_what_can_be_imported(tmp_path, monkeypatch):
    """Against a server that answers as CompreFace's documentation says."""
    seen = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            place, _, query = self.path.removeprefix("/api/v1/recognition/faces").partition("?")
            seen.append((self.headers["x-api-key"], place, query))
            rows = [[(ID_A, "ada")], [(ID_B, "bob")]]
            number = int(dict(parse_qsl(query)).get("page", 0))
            listed = json.dumps(page(*rows[number], number=number)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"picture" if place.endswith("/img") else listed)

        def log_message(self, *_):
            pass

    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            port = server.server_address[1]
            exec(code.replace("localhost:8000", f"127.0.0.1:{port}"), {})  # noqa: S102
        finally:
            server.shutdown()
    assert {key for key, _, _ in seen} == {"the API key of the recognition service"}
    root = tmp_path / "compreface"
    assert whom(plan_compreface(root), root) == [("ada", f"{ID_A}.jpg"), ("bob", f"{ID_B}.jpg")]
