"""Expression, age and gender beside face-api's networks on the same pictures, and their cost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks import faceapi
from benchmarks.options import Options
from benchmarks.places import CACHE, shared_data
from benchmarks.spread import in_words, summarise
from benchmarks.tables import Figure, table
from vultus.evaluate.attributes import Person, person_of, report_people
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.networks import EXPRESSIONS, AttributeNetworks
from vultus.faces.attributes.person import PersonHead
from vultus.faces.attributes.types import Ages
from vultus.imaging.load import load
from vultus.imaging.resample import resize
from vultus.learn.cutting import cut_faces
from vultus.models import catalogue
from vultus.models.session import load_sessions
from vultus.settings import load_settings

Data = dict[str, Any]
Bytes = NDArray[np.uint8]

_ROUNDS, _FACES = 40, 8


def measure(options: Options) -> Data | None:
    """None without the data sets."""
    del options
    data = shared_data()
    if data is None:
        return None
    expressions = _unpacked(
        data / "fer2013.tar.gz", "fer2013-public", lambda path: "public_test" in path.parts
    )
    people = _unpacked(
        data / "utkface.tar",
        "utkface-fifth",
        lambda path: _share(path.name) == 0 and _share(f"test {path.name}") < 3,
    )
    peers = data.parent / "models"
    return {
        "expression": _evaluated("expression", expressions),
        "people": _evaluated("age-gender", people),
        "peer_expression": _peer_expression(peers, expressions),
        "peer_people": _peer_people(peers, people),
        "cost": _cost(),
    }


def _share(name: str) -> int:
    """As `training.attributes.in_test` finds the fifth that is never trained on."""
    return int(sha256(name.encode()).hexdigest(), 16) % 5


def _unpacked(archive: Path, name: str, wanted: Callable[[Path], bool]) -> Path:
    """The pictures of an archive that are wanted, a folder a class where it has such."""
    folder = CACHE / name
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=CACHE) as part:
        with tarfile.open(archive) as tar:
            members = [m for m in tar if m.isfile() and wanted(Path(m.name))]
            tar.extractall(part, members, filter="data")
        roots = {Path(part, *Path(m.name).parts[:-2]) for m in members}
        root = roots.pop() if name.startswith("fer") else Path(part, Path(members[0].name).parts[0])
        shutil.move(root, folder)
    return folder


def _evaluated(kind: str, folder: Path) -> Data:
    """What `vultus evaluate attributes` says."""
    command = [sys.executable, "-m", "vultus", "evaluate", "attributes", "--kind", kind]
    command += ["--images", str(folder), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: Data = json.loads(done.stdout)
    return {name: value for name, value in found.items() if name != "left_out"}


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _views(paths: list[Path]) -> dict[str, Bytes]:
    """What the peer may look at: the picture as it comes, or the face as Vultus aligns it."""
    whole = [resize(load(path), (faceapi.SIDE, faceapi.SIDE)) for path in paths]
    chips = cut_faces(Analyzer(), paths).chips
    return {"as they come": np.stack(whole), "as Vultus cuts them": faceapi.as_input(chips)}


def _run(network: bytes, pictures: Bytes) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(network)
    starts = range(0, len(pictures), 64)
    parts = [session.run(None, {"image": pictures[start : start + 64]}) for start in starts]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def _peer_expression(models: Path, folder: Path) -> Data:
    paths = _pictures(folder)
    targets = np.array([EXPRESSIONS.index(path.parent.name) for path in paths])
    order = np.array([EXPRESSIONS.index(name) for name in faceapi.EXPRESSIONS])
    network = faceapi.expression_network(models)
    return {
        view: {"accuracy": float((order[_run(network, x)[0].argmax(axis=1)] == targets).mean())}
        for view, x in _views(paths).items()
    }


def _peer_people(models: Path, folder: Path) -> Data:
    told = [(path, person_of(path.name)) for path in _pictures(folder)]
    known: list[tuple[Path, Person]] = [(path, person) for path, person in told if person]
    network = faceapi.age_gender_network(models)
    found = {}
    for view, x in _views([path for path, _ in known]).items():
        ages, gender = _run(network, x)
        same = ages[:, 0]
        people = [person for _, person in known]
        found[view] = report_people(people, Ages(same, same, same), gender[:, 1])
    return found


def _cost() -> Data:
    """Milliseconds for one more face on one thread, by what is asked of it, in turn."""
    settings = load_settings()
    runtime = settings.runtime.model_copy(update={"threads": 1})
    nets = load_sessions(catalogue.ATTRIBUTES, runtime)
    resnet = load_sessions(catalogue.EMBEDDER, runtime)["resnet"]
    networks = AttributeNetworks(nets["trunk"], nets["expression"])
    person = PersonHead(nets["person"])
    chips = np.random.default_rng(1).integers(0, 256, (_FACES, 150, 150, 3), np.uint8)

    def attributes(chip: Bytes, inner: NDArray[np.float32]) -> None:
        networks.expression(networks.both_maps(chip))
        person.told(inner)

    inner = resnet.run(chips[:1])[1]
    sides = {
        "embedding": resnet.run,
        "the attributes beside it": lambda chip: attributes(chip, inner),
        "the attributes alone": lambda chip: attributes(chip, resnet.run(chip)[1]),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-3, _ROUNDS):  # the first few to warm up
        for name, run in sides.items():
            began = time.perf_counter()
            for row in range(_FACES):
                run(chips[row : row + 1])
            if number >= 0:
                times[name].append((time.perf_counter() - began) / _FACES)
    embedding, *others = (np.asarray(took) for took in times.values())
    return {
        "times": {name: summarise(np.asarray(took)) for name, took in times.items()},
        "ratios": [float(np.median(other / embedding)) for other in others],
    }


def figures(data: Data) -> list[Figure]:
    expression, people = data["expression"], data["people"]
    children = people["age_mae_by_band"]["0-12"]
    by = [told["gender_accuracy_18_plus"] for told in people["by_ethnicity"].values()]
    gap = max(by) - min(by)
    peer_expression = max(view["accuracy"] for view in data["peer_expression"].values())
    views = data["peer_people"].values()
    peer_gender = max(view["gender_accuracy"] for view in views)
    peer_adults = max(view["gender_accuracy_18_plus"] for view in views)
    peer_age = min(view["age_mae"] for view in views)
    adults = people["gender_accuracy_18_plus"]
    beside, alone = data["cost"]["ratios"]
    made = [
        _figure("expression, FER2013 public test", expression["accuracy"], 0.70, peer_expression),
        _figure("gender, 18 and over, UTKFace's fifth", adults, 0.975, peer_adults),
        _figure("gender, UTKFace's fifth", people["gender_accuracy"], 0.89, peer_gender),
    ]
    made += [
        Figure(
            "expression: calibration error",
            "0.05",
            f"{expression['ece']:.3f}",
            expression["ece"] <= 0.05,
        ),
        Figure(
            "gender, 18 and over: gap between ethnicity groups",
            "under 4 points",
            f"{gap * 100:.1f} points",
            gap < 0.04,
        ),
        Figure(
            "age, UTKFace's fifth, mean absolute error",
            "4.7 years",
            f"{people['age_mae']:.2f}, face-api {peer_age:.2f}",
            people["age_mae"] <= 4.7,
        ),
        Figure("age, 0 to 12 years", "2.2 years", f"{children:.2f}", children <= 2.2),
        Figure(
            "age, gender and expression of one more face beside its embedding, times the embedding",
            "under 1",
            f"{beside:.2f}; where it is not embedded {alone:.2f}",
            beside < 1,
        ),
    ]
    return made


def _figure(name: str, value: float, wanted: float, peer: float) -> Figure:
    return Figure(name, f"{wanted:.1%}", f"{value:.1%}, face-api {peer:.1%}", value >= wanted)


def details(data: Data) -> list[str]:
    people, cost = data["people"], data["cost"]
    rows = [("Vultus", "", *_row(people))]
    rows += [("face-api", view, *_row(told)) for view, told in data["peer_people"].items()]
    groups = {**people["by_band"], **people["by_gender"], **people["by_ethnicity"]}
    recalls = data["expression"]["per_class"].items()
    return [
        f"{data['expression']['used']} pictures of FER2013's public test, {people['used']} of "
        "UTKFace, the fifth by name that was never trained on; faces are found and aligned by "
        "Vultus. face-api's networks, rebuilt from its published weights, get the pictures in two "
        "ways. Which pictures those were trained on is not known.",
        "",
        *table(
            ("expression", "pictures", "accuracy"),
            [("Vultus", "", f"{data['expression']['accuracy']:.3f}")]
            + [
                ("face-api", view, f"{told['accuracy']:.3f}")
                for view, told in data["peer_expression"].items()
            ],
        ),
        "",
        *table(
            ("expression", "pictures", "recall"),
            [(name, str(told["images"]), f"{told['recall']:.3f}") for name, told in recalls],
        ),
        "",
        *table(("age and gender", "pictures", "age error", "gender", "gender, 18+"), rows),
        "",
        *table(
            ("Vultus", "people", "age error", "gender", "gender, 18+"),
            [(name, str(told["images"]), *_row(told)) for name, told in groups.items()],
        ),
        "",
        f"Ages within their interval {people['age_interval_coverage']:.3f} (0.8 is meant); "
        f"gender's calibration error {people['gender_ece']:.3f}; unsure "
        f"{people['unsure']['share']:.3f}, right of the others "
        f"{people['unsure']['gender_accuracy']:.3f}.",
        "",
        *table(
            ("one more face, one thread", "time"),
            [(name, in_words(took, " ms")) for name, took in cost["times"].items()],
        ),
    ]


def _row(told: Data) -> tuple[str, ...]:
    names = ("age_mae", "gender_accuracy", "gender_accuracy_18_plus")
    return tuple("" if told[name] is None else f"{told[name]:.3f}" for name in names)
