"""What is written of clusters: folders of pictures or faces, and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from vultus.errors import ImageError
from vultus.imaging.align import cut_square
from vultus.imaging.contact_sheet import FACES_A_ROW, MOST_ROWS, SheetRow, cut_face, draw_sheet
from vultus.imaging.draw import save_picture
from vultus.imaging.load import load
from vultus.learn.clustering import FoundFace
from vultus.learn.own_folder import Wanted
from vultus.settings import LimitSettings

_AROUND = 0.25  # of the box, on each side
_MOST_PX = 512


def wanted_of(
    clusters: Sequence[Sequence[FoundFace]],
    folders: Sequence[str],
    crops: LimitSettings | None = None,
) -> list[Wanted]:
    """What lies in the folder of each cluster: pictures, each once, or the faces cut out of them.

    crops: the limits within which pictures are read for that.
    """
    wanted: dict[tuple[str, str, str], Wanted] = {}
    for faces, folder in zip(clusters, folders, strict=True):
        for face in faces:
            each = Wanted(folder, face.path, face.digest)
            if crops is not None:
                name = f"{face.path.stem.lstrip('.') or 'picture'}-face{face.index + 1}.jpg"
                make = partial(_write_crop, face, crops)
                part = "{},{}".format(*face.middle)
                each = Wanted(folder, face.path, face.digest, part, name, make)
            wanted.setdefault((folder, each.digest, each.part), each)
    return list(wanted.values())


def _write_crop(face: FoundFace, limits: LimitSettings, path: Path) -> None:
    x, y, width, height = (float(value) for value in face.face.box)
    half = max(width, height) * (0.5 + _AROUND)
    middle = np.array([x + width / 2, y + height / 2])
    side = max(1, min(_MOST_PX, round(2 * half)))
    square = np.concatenate([middle - half, middle + half])
    crop = cut_square(load(face.path, limits), square, side)
    Pillow.fromarray(crop).save(path, format="JPEG", quality=95)


def draw_clusters(
    clusters: Sequence[Sequence[FoundFace]],
    names: Sequence[str],
    path: Path,
    limits: LimitSettings,
) -> None:
    """Write a contact sheet: a row a cluster, the best faces first.

    Raises:
        StorageError: it cannot be written.
    """
    rows = []
    for faces, name in list(zip(clusters, names, strict=True))[:MOST_ROWS]:
        best = sorted(faces, key=lambda face: -face.rating)[:FACES_A_ROW]
        cut = [picture for face in best if (picture := _cut(face, limits)) is not None]
        pictures = len({face.picture for face in faces})
        rows.append(SheetRow(name, f"{pictures} pictures", cut))
    save_picture(draw_sheet(rows), path)


def _cut(face: FoundFace, limits: LimitSettings) -> np.ndarray | None:
    try:
        return cut_face(load(face.path, limits), face.face.box)
    except ImageError:  # it is gone meanwhile; the sheet is worth having all the same
        return None
