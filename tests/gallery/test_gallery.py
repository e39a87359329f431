from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.fakes import COLOURS, fake_analyzer, picture, png
from tests.gallery.workers import record
from tests.shared import shared
from vultus.errors import (
    ArchiveInvalid,
    FaceExists,
    GalleryMissing,
    GroupExists,
    GroupUnknown,
    ImageNotFound,
    ModelMismatch,
    NoFace,
    PersonUnknown,
    SeveralFaces,
    UsageError,
)
from vultus.gallery.archive import write_archive
from vultus.gallery.gallery import Gallery
from vultus.gallery.store import Store
from vultus.settings import Settings

NOBODY = np.zeros((50, 60, 3), np.uint8)


@pytest.fixture
def team(gallery) -> Gallery:
    for person in ("ada", "bob", "cyd"):
        gallery.enroll(person, picture(person), group="team")
    return gallery


def names(gallery: Gallery, image: np.ndarray, **options) -> list[str | None]:
    return [found.person for found in gallery.identify(image, **{"group": "team", **options})]


# enrolling


def test_a_person_is_enrolled_by_path_string_bytes_file_and_array(gallery, tmp_path):
    path = tmp_path / "ada.png"
    path.write_bytes(png(picture("ada")))
    other = tmp_path / "two.png"
    other.write_bytes(png(picture("ada", shade=1)))
    with other.open("rb") as file:
        sources = [path, file, png(picture("ada", shade=2)), picture("ada", shade=3)]
        done = gallery.enroll("ada", sources)
    assert [enrolment.source for enrolment in done] == [str(path), str(other), "bytes", "array"]
    assert all(enrolment.new for enrolment in done)
    assert gallery.enroll("ada", str(path))[0].new is False
    (person,) = gallery.people()
    assert (person.name, person.group, person.faces) == ("ada", "default", 4)
    assert person.enrolled_at.endswith("Z")


def test_a_single_picture_needs_no_list(gallery):
    for shade, source in enumerate((png, lambda image: image, lambda i: io.BytesIO(png(i)))):
        (done,) = gallery.enroll("ada", source(picture("ada", shade=shade)))
        assert done.new


def test_an_enrolment_tells_what_became_of_it(gallery):
    (done,) = gallery.enroll("ada", picture("ada", side=30), group="team")
    assert (done.person, done.group, done.new) == ("ada", "team", True)
    assert 0 <= done.quality <= 1
    assert any("30 pixels wide" in warning for warning in done.warnings)
    (record,) = gallery.faces_of("ada", group="team")
    assert record.box == (20, 20, 30, 30)
    assert record.quality == pytest.approx(done.quality)


def test_the_same_photo_is_noticed_whatever_its_file(team):
    (again,) = team.enroll("ada", png(picture("ada")), group="team")
    assert again.new is False
    assert len(team.faces_of("ada", group="team")) == 1


def test_the_same_photo_for_another_person_is_refused(team):
    with pytest.raises(FaceExists, match="'ada'"):
        team.enroll("bob", picture("ada"), group="team")
    team.enroll("bob", picture("ada"), group="others")


def test_two_faces_of_one_photo_are_two_photos(gallery):
    party = np.zeros((120, 400, 3), np.uint8)
    party[20:100, 20:100], party[20:80, 200:260] = COLOURS["ada"], COLOURS["bob"]
    gallery.enroll("ada", party, largest=True)
    assert [found.person for found in gallery.identify(party)] == ["ada", None]


def test_a_photo_of_nobody(gallery, address):
    with pytest.raises(NoFace, match="array"):
        gallery.enroll("ada", NOBODY)
    assert not address.exists()


def test_a_photo_of_several(gallery):
    party = picture("bob", "ada")
    party[:, :20] = 0
    with pytest.raises(SeveralFaces, match="2 faces"):
        gallery.enroll("ada", party)
    with pytest.raises(GalleryMissing):
        gallery.people()


def test_what_came_before_a_bad_photo_is_enrolled(gallery):
    photos = [picture("ada"), picture("ada", shade=5), NOBODY, picture("ada", shade=9)]
    with pytest.raises(NoFace):
        gallery.enroll("ada", photos)
    assert len(gallery.faces_of("ada")) == 2


def test_a_missing_photo(gallery, tmp_path):
    with pytest.raises(ImageNotFound):
        gallery.enroll("ada", tmp_path / "nowhere.jpg")


@pytest.mark.parametrize(("person", "group"), [("", "team"), ("a\nb", "team"), ("ada", " ")])
def test_names_are_checked_before_the_work(gallery, address, person, group):
    with pytest.raises(UsageError):
        gallery.enroll(person, "/nowhere.jpg", group=group)
    assert not address.exists()


def test_crops_are_kept_when_asked_for(gallery):
    gallery.enroll("ada", picture("ada"), keep_crops=True)
    gallery.enroll("bob", picture("bob"))
    (kept,), (bare,) = gallery.faces_of("ada"), gallery.faces_of("bob")
    assert bare.crop is None
    with Image.open(io.BytesIO(kept.crop)) as crop:
        chips = gallery.analyzer.analyze(picture("ada"), chips=True).chips
        np.testing.assert_array_equal(np.asarray(crop), chips[0])


def test_faces_without_embeddings_are_refused(gallery):
    faces = gallery.analyzer.analyze(picture("ada"), embed=False)
    with pytest.raises(ModelMismatch):
        gallery.identify_faces(faces)


# identifying


def test_everybody_is_named_and_strangers_are_not(team):
    assert names(team, picture("cyd", "dan", "ada")) == ["cyd", None, "ada"]


def test_why_somebody_is_named(team):
    (found,) = team.identify(picture("ada", shade=10), group="team")
    assert found.person == "ada"
    assert found.probability > 0.9
    assert found.why["rule"] == "named"
    assert found.why["threshold"] == team.calibrator.threshold
    assert found.why["reference"] == "array"
    assert found.why["runner_up"] in ("bob", "cyd")
    assert found.why["margin"] > 0.02
    assert found.candidates[0].person == "ada"
    assert found.candidates[0].reference_id == team.faces_of("ada", group="team")[0].id
    assert found.face.box.tolist() == [20, 20, 60, 60]


def test_a_person_is_in_a_picture_once(team):
    assert names(team, picture("ada", "ada")).count("ada") == 1


def test_a_picture_of_nobody_names_nobody(team):
    assert team.identify(NOBODY, group="team") == []


def test_only_the_group_asked_for_is_searched(team):
    team.enroll("dan", picture("dan"), group="others")
    assert names(team, picture("dan")) == [None]
    assert names(team, picture("dan"), group="others") == ["dan"]


def test_an_empty_group_knows_nobody(gallery):
    gallery.create_group("team")
    (found,) = gallery.identify(picture("ada"), group="team")
    assert (found.person, found.candidates, found.why["rule"]) == (None, [], "no_people")


def test_candidates_are_as_many_as_asked_for(team):
    (found,) = team.identify(picture("ada"), group="team", top=1)
    assert len(found.candidates) == 1
    (found,) = team.identify(picture("ada"), group="team", top=10)
    assert len(found.candidates) == 3


def test_an_unknown_group_is_told_before_the_picture_is_read(team):
    with pytest.raises(GroupUnknown, match="'nowhere'; there are: 'team'"):
        team.identify("/nowhere.jpg", group="nowhere")


def test_a_missing_gallery(gallery):
    with pytest.raises(GalleryMissing):
        gallery.identify(picture("ada"))


def test_faces_of_another_model_are_refused(gallery):
    store = Store(gallery.database)
    store.add_face("team", record("ada", model="another-model"))
    with pytest.raises(ModelMismatch, match="another-model"):
        gallery.identify(picture("ada"), group="team")
    gallery.enroll("bob", picture("bob"), group="team")  # a mixed group is searched by model
    assert names(gallery, picture("bob")) == ["bob"]


def test_a_stricter_gallery_names_fewer(address):
    probe = picture("ada", shade=60)
    found = {}
    for far in (0.1, 0.0001):
        with Gallery(address, analyzer=fake_analyzer(), far=far) as gallery:
            gallery.enroll("ada", picture("ada"), group="team")
            (found[far],) = gallery.identify(probe, group="team")
    assert found[0.0001].why["threshold"] < found[0.1].why["threshold"]
    assert found[0.0001].probability < found[0.1].probability


def test_the_margin_is_that_of_the_settings(address):
    between = picture("ada")
    between[20:80, 20:80] = (np.array(COLOURS["ada"]) + COLOURS["dan"]) // 2 + (0, -2, 0)
    for margin, expected in ((0.0, "ada"), (0.5, None)):
        settings = Settings(matching={"margin": margin})
        with Gallery(address, analyzer=fake_analyzer(settings)) as gallery:
            gallery.enroll("ada", picture("ada"))
            gallery.enroll("dan", picture("dan"))
            (found,) = gallery.identify(between)
            assert found.person == expected
    assert found.why["rule"] == "margin"


# changes are seen


def test_changes_of_another_gallery_on_the_same_file_are_seen(team, address):
    assert names(team, picture("ada", "dan")) == ["ada", None]
    with Gallery(address, analyzer=fake_analyzer()) as other:
        other.enroll("dan", picture("dan"), group="team")
        assert names(team, picture("ada", "dan")) == ["ada", "dan"]
        other.rename("ada", "Ada Lovelace", group="team")
        assert names(team, picture("ada")) == ["Ada Lovelace"]
        other.merge("dan", "bob", group="team")
        assert names(team, picture("dan")) == ["bob"]
        other.remove("bob", group="team")
        assert names(team, picture("dan", "bob")) == [None, None]


def test_people_of_a_removed_group_are_forgotten(team):
    assert names(team, picture("ada")) == ["ada"]
    team.remove_group("team")
    for person in ("dan", "eve", "bob"):  # as many changes as before, in a group of this name
        team.enroll(person, picture(person), group="team")
    assert names(team, picture("ada", "dan")) == [None, "dan"]


def test_a_moved_person_is_found_in_the_new_group_only(team):
    assert names(team, picture("ada")) == ["ada"]
    team.move("ada", "others", group="team")
    assert names(team, picture("ada")) == [None]
    assert names(team, picture("ada"), group="others") == ["ada"]
    team.rename_group("others", "friends")
    assert names(team, picture("ada"), group="friends") == ["ada"]


def test_a_removed_face_names_nobody(team):
    (face,) = team.faces_of("ada", group="team")
    team.remove_face(face.id, group="team")
    assert names(team, picture("ada")) == [None]


def test_people_and_groups(team):
    team.create_group("empty")
    assert [(g.name, g.people, g.faces) for g in team.groups()] == [("empty", 0, 0), ("team", 3, 3)]
    assert [person.name for person in team.people("team")] == ["ada", "bob", "cyd"]
    assert team.people("empty") == []
    with pytest.raises(PersonUnknown):
        team.faces_of("nobody", group="team")
    with pytest.raises(GroupExists):
        team.create_group("team")


# export and import


def test_an_exported_group_is_imported_elsewhere(team, tmp_path):
    team.enroll("ada", picture("ada", shade=9), group="team", keep_crops=True)
    path = tmp_path / "team.vultus"
    assert team.export_group("team", path) == 4
    with Gallery(tmp_path / "other.db", analyzer=fake_analyzer()) as other:
        assert other.import_group(path) == ("team", 4)
        assert names(other, picture("ada", "bob", "dan")) == ["ada", "bob", None]
        for here, there in zip(
            team.faces_of("ada", group="team"), other.faces_of("ada", group="team"), strict=True
        ):
            np.testing.assert_array_equal(here.embedding, there.embedding)
            for field in ("source", "digest", "box", "quality", "crop", "enrolled_at", "model"):
                assert getattr(here, field) == getattr(there, field)
        assert there.crop is not None
        assert other.import_group(path) == ("team", 0)
        assert other.import_group(path, group="copy") == ("copy", 4)


def test_an_empty_group_is_exported_and_imported(gallery, tmp_path):
    gallery.create_group("empty")
    assert gallery.export_group("empty", tmp_path / "empty.vultus") == 0
    with Gallery(tmp_path / "other.db", analyzer=fake_analyzer()) as other:
        assert other.import_group(tmp_path / "empty.vultus") == ("empty", 0)
        assert [group.name for group in other.groups()] == ["empty"]


def test_an_unknown_group_is_not_exported(team, tmp_path):
    with pytest.raises(GroupUnknown):
        team.export_group("nowhere", tmp_path / "nowhere.vultus")
    assert not (tmp_path / "nowhere.vultus").exists()


def test_an_import_is_all_or_nothing(team, tmp_path):
    path = tmp_path / "team.vultus"
    with Gallery(tmp_path / "other.db", analyzer=fake_analyzer()) as other:
        other.enroll("dan", picture("dan"), group="team")
        other.enroll("impostor", picture("ada"), group="team")
        other.export_group("team", path)
    with pytest.raises(FaceExists, match="'ada'"):
        team.import_group(path)
    assert [person.name for person in team.people("team")] == ["ada", "bob", "cyd"]


FOREIGN = {
    "a model not known here": {"model": "another-model"},
    "numbers of another length": {"embedding": np.zeros(64, np.float32)},
    "no numbers": {"embedding": np.zeros(0, np.float32)},
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_faces_that_could_not_be_compared_are_not_imported(team, tmp_path, foreign):
    write_archive(tmp_path / "a.vultus", "team", [record("dan", **foreign)])
    with pytest.raises(ModelMismatch):
        team.import_group(tmp_path / "a.vultus")
    assert names(team, picture("ada")) == ["ada"]


def test_names_in_an_archive_are_checked(team, tmp_path):
    with pytest.raises(UsageError):
        team.export_group("team", tmp_path / "a.vultus")
        team.import_group(tmp_path / "a.vultus", group="two\nlines")
    tmp_path.joinpath("text").write_text("hello")
    with pytest.raises(ArchiveInvalid):
        team.import_group(tmp_path / "text")
    assert [group.name for group in team.groups()] == ["team"]


# real people


def test_real_people_are_named_in_a_photo_of_both(analyzer, address):
    people = shared("photos/people")
    with Gallery(address, analyzer=analyzer) as gallery:
        for person in ("obama", "biden", "kit_harington"):
            done = gallery.enroll(person, sorted((people / person).iterdir())[:2])
            assert all(enrolment.new for enrolment in done)
        found = gallery.identify(shared("photos/groups/obama_and_biden.jpg"))
        assert sorted(face.person for face in found if face.person) == ["biden", "obama"]
        (stranger,) = gallery.identify(people / "rose_leslie" / "1.jpg")
        assert (stranger.person, stranger.why["rule"]) == (None, "threshold")
        with pytest.raises(SeveralFaces):
            gallery.enroll("both", shared("photos/groups/obama_and_biden.jpg"))
        with pytest.raises(NoFace):
            gallery.enroll("nobody", shared("photos/noface/cf_017_0.jpg"))


def test_a_real_photo_is_named_after_small_changes(analyzer, astronaut, address):
    with Gallery(address, analyzer=analyzer) as gallery:
        gallery.enroll("eileen", astronaut)
        dark = (astronaut * 0.6).astype(np.uint8)
        part = np.ascontiguousarray(astronaut[10:380, 40:430, :])
        for image in (dark, part):
            assert [found.person for found in gallery.identify(image)] == ["eileen"]


def test_many_faces_at_once_and_one_that_is_refused(gallery):
    first, again, taken, other = (
        gallery.prepare(person, picture(shows, shade=shade))
        for person, shows, shade in (
            ("ada", "ada", 0),
            ("ada", "ada", 0),
            ("bob", "ada", 0),
            ("bob", "bob", 1),
        )
    )
    assert gallery.check(first).new
    answers = gallery.add_each([first, again, taken, other])
    assert isinstance(answers.pop(2), FaceExists)
    assert [answer.new for answer in answers] == [True, False, True]
    assert {person.name: person.faces for person in gallery.people()} == {"ada": 1, "bob": 1}
    assert not gallery.check(other).new
    with pytest.raises(FaceExists):
        gallery.check(taken)
