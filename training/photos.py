"""Photos of the shared data as aligned chips with their 68 points; made once into a folder."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.faces.analyzer import Analyzer
from vultus.faces.crops import enlarged, face_of_crop
from vultus.imaging.align import chip_points
from vultus.imaging.geometry import similarity_transforms
from vultus.imaging.load import load


@dataclass(frozen=True)
class Photos:
    """names: paths in the archive, (n,). chips: (n, 150, 150, 3) uint8. points68: (n, 68, 2) in the
    pixels of the photo; in_chip: the same in those of the chip. expressions: (n,), "" if none."""

    names: NDArray[np.str_]
    chips: NDArray[np.uint8]
    points68: NDArray[np.float32]
    in_chip: NDArray[np.float32]
    expressions: NDArray[np.str_]

    @property
    def people(self) -> list[str]:
        """The folder of each photo: in lfw-grey the name of the person."""
        return [str(name).split("/")[-2] for name in self.names]

    def select(self, chosen: NDArray[np.generic]) -> Photos:
        return Photos(
            self.names[chosen],
            self.chips[chosen],
            self.points68[chosen],
            self.in_chip[chosen],
            self.expressions[chosen],
        )


def lfw(shared: Path, work: Path) -> Photos:
    """lfw-grey, 2,971 photos with the labels of `expressions.tsv`."""
    archive = shared / "data/lfw-grey.tar"
    with tarfile.open(archive) as tar:
        table = tar.extractfile("lfw-grey/expressions.tsv")
        rows = (table.read() if table else b"").decode().splitlines()[1:]
    return _made(work / "lfw-grey.npz", archive, dict(row.split("\t") for row in rows))


def masks(shared: Path, work: Path) -> Photos:
    """mask.tar: 250 people with a mask (folder `with_mask`), 250 without."""
    return _made(work / "mask.npz", shared / "data/mask.tar", {})


def _made(path: Path, archive: Path, expressions: dict[str, str]) -> Photos:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = _columns(archive, expressions)
        part = path.with_suffix(".part.npz")
        np.savez(part, **columns)
        part.replace(path)
    with np.load(path, allow_pickle=False) as columns:
        return Photos(**{name: columns[name] for name in columns.files})


def _columns(archive: Path, expressions: dict[str, str]) -> dict[str, Any]:
    analyzer = Analyzer()
    rows = []
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(".jpg") else None
            if file is None:
                continue
            image = enlarged(load(file.read()))
            faces = face_of_crop(analyzer, image).faces
            described = analyzer.describe(
                image, faces, embed=False, quality=False, chips=True, points68=True
            )
            assert described.alignment is not None and described.points68 is not None
            assert described.chips is not None
            turn = similarity_transforms(described.alignment, chip_points())[0]
            placed = described.points68[0] @ turn[:, :2].T + turn[:, 2]
            label = expressions.get("/".join(Path(member.name).parts[-2:]), "")
            rows.append((member.name, described.chips[0], described.points68[0], placed, label))
    names, chips, points68, in_chip, labels = zip(*rows, strict=True)
    return {
        "names": np.array(names),
        "chips": np.stack(chips),
        "points68": np.stack(points68),
        "in_chip": np.stack(in_chip).astype(np.float32),
        "expressions": np.array(labels),
    }
