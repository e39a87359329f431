"""What is asked for is told, and nothing else is run."""

from __future__ import annotations

from dataclasses import fields
from threading import Barrier, Thread

import cv2
import numpy as np
import pytest

from tests.fake_attributes import FakeNetworks, with_fake_networks
from tests.fakes import fake_analyzer, picture
from tests.shared import shared
from vultus.errors import UsageError
from vultus.faces import analyzer as analyzer_module
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes import describing
from vultus.faces.attributes.describing import OFFERED, RECIPES, Needs, asked_for, needs_of
from vultus.faces.attributes.names import ATTRIBUTES
from vultus.faces.attributes.types import Attributes
from vultus.faces.embedder import EMBEDDING_SIZE, DlibResNet
from vultus.faces.types import Faces
from vultus.models.dlib_resnet import INNER_SIZE
from vultus.settings import Settings

PARTY = picture("ada", "bob", "cyd")
NOBODY = np.zeros((50, 60, 3), np.uint8)
# Each with the networks that it needs.
BY_NETWORKS = {
    "age": {"inner", "person"},
    "gender": {"inner", "person"},
    "expression": {"trunk", "expression"},
    "glasses": {"trunk", "coverings"},
    "mask": {"trunk", "coverings"},
    "occlusion": {"trunk", "occlusion"},
}


class Points68:
    """Counts the faces that got their points."""

    def __init__(self) -> None:
        self.faces = 0

    def predict(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        self.faces += len(boxes)
        rng = np.random.default_rng(0)
        sizes = boxes[:, None, 2:] - boxes[:, None, :2]
        return (boxes[:, None, :2] + rng.random((1, 68, 2)) * sizes).astype(np.float32)


@pytest.fixture
def analyzer() -> Analyzer:
    made = fake_analyzer()
    made.predictor68 = Points68()
    return made


@pytest.fixture
def networks(analyzer) -> FakeNetworks:
    return with_fake_networks(analyzer)


def test_all_that_has_a_name_is_offered():
    assert tuple(ATTRIBUTES) == OFFERED
    columns = [recipe.column for recipe in RECIPES.values()]
    assert sorted(columns) == sorted(field.name for field in fields(Attributes))


def test_names_come_as_a_list_or_as_a_text():
    assert asked_for("expression, AGE") == asked_for(["age", "expression"]) == ("age", "expression")
    assert asked_for("head-pose") == ("head_pose",)
    assert asked_for("all") == asked_for(["all"]) == OFFERED
    assert asked_for("") == asked_for(()) == ()
    with pytest.raises(UsageError, match="'beauty'"):
        asked_for("age,beauty")


def test_an_unknown_name_is_refused_before_anything_is_done(tmp_path):
    analyzer = Analyzer(Settings(runtime={"cache_dir": tmp_path / "file"}))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError):
        analyzer.analyze(tmp_path / "nowhere.jpg", attributes=("beauty",))


# nothing that was not asked for


def test_without_a_wish_there_are_none(analyzer, networks):
    faces = analyzer.analyze(PARTY)
    assert faces.attributes is None
    assert faces[0].attributes is None
    assert networks.ran == {}


@pytest.mark.parametrize(
    "wish",
    [
        *[(name,) for name in BY_NETWORKS if name in OFFERED],
        ("age", "gender"),
        tuple(name for name in BY_NETWORKS if name in OFFERED),
    ],
)
def test_only_the_networks_that_are_needed_run_and_each_once(analyzer, networks, wish):
    faces = analyzer.analyze(PARTY, embed=False, quality=False, attributes=wish)
    needed = set().union(*(BY_NETWORKS[name] for name in wish))
    # an expression is told from the mirror image, too, and so are age and gender
    twice = {"inner"} | ({"trunk", "expression"} if "expression" in needed else set())
    assert networks.ran == {name: 6 if name in twice else 3 for name in needed}
    assert analyzer.predictor68.faces == 0
    assert set(faces[0].attributes) == set(wish)


class Recognition:
    """A session of the recognition network that counts its chips."""

    def __init__(self) -> None:
        self.chips = 0

    def run(self, chips: np.ndarray) -> list[np.ndarray]:
        self.chips += len(chips)
        inner = np.zeros((len(chips), INNER_SIZE), np.float32)
        inner[:, 1] = chips[:, :75].mean(axis=(1, 2, 3)) / 255
        return [inner[:, :EMBEDDING_SIZE], inner]


@pytest.mark.parametrize(("mirror", "views"), [(False, 1), (True, 2)])
def test_age_and_embedding_share_one_run_of_the_recognition_network(mirror, views):
    made = fake_analyzer()
    analyzer = Analyzer(made.settings, mirror=mirror, detector=made.detector)
    analyzer.predictor = made.predictor
    networks, session = with_fake_networks(analyzer), Recognition()
    analyzer.resnet = DlibResNet(session, "resnet")
    both = analyzer.analyze(PARTY, attributes="gender")
    assert session.chips == 3 * views
    assert networks.ran == {"person": 3}
    assert both.inner is None
    assert both.embeddings is not None
    alone = analyzer.analyze(PARTY, embed=False, attributes="gender")
    assert session.chips == 2 * 3 * views
    for one, other in zip(both, alone, strict=True):
        assert one.attributes == other.attributes
    # as live video does it: embedded first, asked about then
    described = analyzer.analyze(PARTY, embed=False, chips=True)
    session.chips = 0
    embedded = analyzer.embed(described, described.chips, inner=True)
    told = analyzer.tell(PARTY, embedded, "gender")
    assert session.chips == 3 * views
    assert told[0].attributes == both[0].attributes


@pytest.mark.parametrize("wish", sorted(set(OFFERED) - set(BY_NETWORKS)))
def test_what_is_told_without_networks_runs_none_that_it_does_not_need(analyzer, networks, wish):
    faces = analyzer.analyze(PARTY, embed=False, quality=False, attributes=(wish,))
    assert set(faces[0].attributes) == {wish}
    needs = needs_of([wish])
    assert bool(networks.ran) == (Needs.NETWORKS in needs)
    assert "person" not in networks.ran
    assert analyzer.predictor68.faces == (3 if Needs.POINTS68 in needs else 0)


@pytest.mark.parametrize("wish", sorted({"blur", "exposure", "noise"} & set(OFFERED)))
def test_the_picture_is_judged_without_loading_a_model(wish):
    analyzer = fake_analyzer()
    told = analyzer.analyze(PARTY, embed=False, attributes=(wish,)).attributes
    assert getattr(told, wish).shape == (3,)
    assert not {"predictor68", "attribute_sessions"} & set(vars(analyzer))


def test_what_needs_no_chip_cuts_none(analyzer, monkeypatch):
    monkeypatch.setattr(analyzer_module, "cut_chips", None)
    wish = [name for name in OFFERED if not needs_of([name]) & (Needs.CHIPS | Needs.QUALITY)]
    assert "head_pose" in wish
    faces = analyzer.analyze(PARTY, embed=False, quality=False, attributes=wish)
    assert (faces.alignment, faces.points68, faces.chips) == (None, None, None)
    with pytest.raises(TypeError):
        analyzer.analyze(PARTY, embed=False, quality=False, attributes=("age",))


def test_asking_for_the_expression_loads_no_68_points_and_warming_up_neither():
    analyzer = fake_analyzer()
    analyzer.warm_up(attributes=("expression", "age"))
    assert "attribute_sessions" in vars(analyzer)
    analyzer.analyze(PARTY, embed=False, attributes=("expression",))
    assert "predictor68" not in vars(analyzer)


def test_warming_up_loads_the_points_where_they_are_needed():
    analyzer = fake_analyzer()
    analyzer.warm_up(attributes="head_pose")
    assert "predictor68" in vars(analyzer)
    assert "attribute_sessions" not in vars(analyzer)


def test_attributes_bring_no_other_columns(analyzer, networks):
    faces = analyzer.analyze(PARTY, embed=False, quality=False, attributes="all")
    assert (faces.chips, faces.quality, faces.points68, faces.embeddings) == (None,) * 4
    whole = analyzer.analyze(PARTY, chips=True, points68=True, attributes=("age",))
    assert whole.chips.shape == (3, 150, 150, 3)
    assert whole.points68.shape == (3, 68, 2)
    assert whole.quality is not None
    assert whole.embeddings.shape == (3, 128)


# what is told


def test_each_face_has_its_own(analyzer, networks):
    faces = analyzer.analyze(PARTY, attributes="all")
    ada, bob, _ = (face.attributes for face in faces)
    assert ada["age"] == {"value": 100.0, "low": 100.0, "high": 100.0}
    assert ada["gender"]["label"] == "male"
    assert bob["gender"] == {"label": "female", "probability": 1.0}
    assert ada["expression"]["label"] == "happy"
    assert bob["expression"]["label"] == "sad"
    if "mask" in OFFERED:
        assert (bob["mask"]["label"], bob["glasses"]["label"]) == ("mask", "none")
    if "occlusion" in OFFERED:
        assert bob["occlusion"] == {"eyes": False, "forehead": None, "mouth": True}
    chosen = faces.select(np.array([1]))
    assert chosen[0].attributes == bob
    assert faces[[0]][0].attributes == ada


def test_nobody_has_none(analyzer, networks):
    told = analyzer.analyze(NOBODY, attributes="all").attributes
    assert told.age.value.shape == told.female.shape == (0,)
    assert told.expression.probabilities.shape == (0, 7)
    assert told.head_pose.yaw.shape == (0,)
    assert told.select(slice(0)).female.shape == (0,)


def test_other_expressions_by_a_head_of_ones_own(networks, analyzer):
    class Head:
        labels = ("calm", "ярость")

        def probabilities(self, features):
            assert features.shape == (3, 512)
            return np.stack([1 - features[:, 0], features[:, 0]], axis=1)

    analyzer.expression_head = Head()
    faces = analyzer.analyze(PARTY, attributes=("expression",))
    assert [face.attributes["expression"]["label"] for face in faces] == ["ярость", "calm", "calm"]
    assert set(faces[0].attributes["expression"]["probabilities"]) == {"calm", "ярость"}


def test_a_head_is_given_when_the_analyzer_is_made():
    head = object()
    assert Analyzer(Settings(), expression=head).expression_head is head
    assert Analyzer(Settings()).expression_head is None


def test_telling_afterwards_uses_what_is_there(analyzer, networks, monkeypatch):
    described = analyzer.describe(PARTY, analyzer.locate(PARTY), embed=False, chips=True)
    whole = analyzer.analyze(PARTY, attributes="all").attributes
    monkeypatch.setattr(analyzer_module, "cut_chips", None)
    monkeypatch.setattr(analyzer_module, "measure_quality", None)
    told = analyzer.tell(PARTY, described.select(np.array([2, 0])), "all")
    assert told.chips.shape == (2, 150, 150, 3)
    assert told[0].attributes == whole.row(2)
    assert told[1].attributes == whole.row(0)


def test_two_threads_that_ask_first_load_the_networks_once(monkeypatch):
    loads, load = [], analyzer_module.load_sessions

    def counting(model, runtime):
        loads.append(model)
        return load(model, runtime)

    monkeypatch.setattr(analyzer_module, "load_sessions", counting)
    analyzer, start, found = fake_analyzer(), Barrier(2), []
    located = analyzer.locate(PARTY)

    def ask() -> None:
        start.wait(10)
        found.append(analyzer.describe(PARTY, located, embed=False, attributes=("age",)))

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(loads) == ["dlib-resnet-128", "vultus-attributes"]
    np.testing.assert_array_equal(*[faces.attributes.age.value for faces in found])


def test_an_attribute_that_has_no_recipe_is_not_offered(monkeypatch):
    fewer = {name: recipe for name, recipe in RECIPES.items() if name != "age"}
    monkeypatch.setattr(describing, "RECIPES", fewer)
    assert "age" not in asked_for("all")


# with the real networks: whatever is taken for a face


def in_range(row: dict) -> None:
    age = row["age"]
    assert 0 <= age["low"] <= age["value"] <= age["high"] <= 101
    assert row["gender"]["label"] in ("female", "male", "unsure")
    assert 0.5 <= row["gender"]["probability"] <= 1
    assert sum(row["expression"]["probabilities"].values()) == pytest.approx(1, abs=0.01)
    for name in {"blur", "exposure", "noise"} & set(row):
        assert 0 <= row[name]["value"] <= 1
    if row.get("smile") is not None:
        assert 0 <= row["smile"] <= 1


def drawn() -> np.ndarray:
    image = np.full((240, 240, 3), 255, np.uint8)
    cv2.ellipse(image, (120, 120), (70, 95), 0, 0, 360, (0, 0, 0), 3)
    for x in (92, 148):
        cv2.circle(image, (x, 95), 9, (0, 0, 0), -1)
    cv2.ellipse(image, (120, 155), (32, 18), 0, 0, 180, (0, 0, 0), 3)
    return image


STRANGE = {
    "drawn": drawn(),
    "black": np.zeros((200, 200, 3), np.uint8),
    "white": np.full((200, 200, 3), 255, np.uint8),
    "noise": np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8),
    "grey, one pixel high": np.full((1, 200, 3), 99, np.uint8),
}
PLACES = [
    (60, 60, 140, 140),
    (90, 90, 110, 110),
    (-80, -50, 60, 90),
    (180, 180, 320, 320),
    (5, 5, 5, 5),
]


def everywhere(image: np.ndarray) -> Faces:
    """Faces at the same places of every picture: whole, of 20 pixels, cut off, without a size."""
    corners = np.array(PLACES, np.float32)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    scores = np.full(len(corners), 0.9, np.float32)
    return Faces(boxes, scores, in_profile(corners), (image.shape[1], image.shape[0]))


def in_profile(corners: np.ndarray) -> np.ndarray:
    """Landmarks almost in one line."""
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    steps = np.array([(0, -0.2), (0.02, -0.2), (0.1, 0), (0, 0.2), (0.01, 0.2)], np.float32)
    sizes = corners[:, None, 2:] - corners[:, None, :2]
    return (centres[:, None] + steps * sizes).astype(np.float32)


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_face_is_no_error(name):
    image = STRANGE[name]
    faces = Analyzer(Settings()).describe(image, everywhere(image), embed=False, attributes="all")
    assert len(faces) == len(PLACES)
    for face in faces:
        in_range(face.attributes)


def test_small_and_turned_faces_of_photos_are_no_error(astronaut):
    real = Analyzer(Settings(detection={"min_face_px": 12}))
    small = cv2.resize(astronaut, (110, 110), interpolation=cv2.INTER_AREA)
    (face,) = real.analyze(small, embed=False, attributes="all")
    assert face.box[2] < 26
    in_range(face.attributes)
    crowd = shared("photos/groups/cf_012_4.jpg")
    faces = real.analyze(crowd, embed=False, attributes="all")
    assert len(faces) >= 4
    for face in faces:
        in_range(face.attributes)
