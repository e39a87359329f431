"""Finding what Azure's clients name: containers by kind and id, people and faces by guid.

A person group is a group of the gallery. One made over the wire has a kind and an id there; one
made here has neither, and is seen under its name as either kind, where its name can be an id.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vultus.errors import FaceListUnknown, GalleryInvalid, GroupUnknown, ModelMismatch, UsageError
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.gallery.index import build_templates
from vultus.gallery.matcher import Templates
from vultus.gallery.schema import face_lists, faces, groups, persons
from vultus.gallery.store import FaceRecord

log = logging.getLogger("vultus.gallery")

GroupKind = Literal["persongroups", "largepersongroups"]
ListKind = Literal["facelists", "largefacelists"]
GROUP_KINDS: tuple[GroupKind, ...] = ("persongroups", "largepersongroups")
LIST_KINDS: tuple[ListKind, ...] = ("facelists", "largefacelists")
Row: TypeAlias = sa.Row[Any]

KIND_NAMES: dict[GroupKind | ListKind, str] = {
    "persongroups": "person group",
    "largepersongroups": "large person group",
    "facelists": "face list",
    "largefacelists": "large face list",
}
_WIRE_ID = re.compile(r"[a-z0-9_-]{1,64}\Z")


# Built once: to build a statement takes longer than to ask it.
_MADE_OVER_THE_WIRE = sa.and_(
    groups.c.kind == sa.bindparam("kind"), groups.c.wire_id == sa.bindparam("wire_id")
)
_MADE_HERE = sa.and_(groups.c.kind.is_(None), groups.c.name == sa.bindparam("wire_id"))
_CONTAINER = (
    sa.select(groups)
    .where(_MADE_OVER_THE_WIRE | _MADE_HERE)
    # where both are there, the one that was made over the wire goes first
    .order_by(groups.c.kind.is_(None))
    .limit(1)
)
_LIST = sa.select(face_lists).where(
    face_lists.c.kind == sa.bindparam("kind"), face_lists.c.wire_id == sa.bindparam("wire_id")
)


@dataclass(frozen=True)
class Page:
    """Entries behind `start`, by string comparison; at most `top`, all where that is None."""

    start: str = ""
    top: int | None = 1000


@dataclass(frozen=True)
class PersistedFace:
    """An enrolled face as the wire shows it."""

    guid: str
    user_data: str | None


def is_wire_id(text: str) -> bool:
    """Whether a container can have this id."""
    return _WIRE_ID.match(text) is not None


def check_wire_id(text: str) -> None:
    """Raises UsageError where no container can have this id."""
    if not is_wire_id(text):
        raise UsageError(
            "The id makes no sense.",
            "Use 1 to 64 lower-case letters, digits, dashes and underscores.",
        )


def same_guid(text: str) -> str:
    """A guid as it is kept; clients may write it in capitals."""
    return text.lower()


def find_container(connection: sa.Connection, kind: GroupKind, wire_id: str) -> Row | None:
    """The row of a group, by what the wire calls it."""
    if not is_wire_id(wire_id):
        return None
    return connection.execute(_CONTAINER, {"kind": kind, "wire_id": wire_id}).one_or_none()


def container_row(connection: sa.Connection, kind: GroupKind, wire_id: str) -> Row:
    """As `find_container`. Raises GroupUnknown."""
    found = find_container(connection, kind, wire_id)
    if found is None:
        raise GroupUnknown(f"There is no {KIND_NAMES[kind]} of this id.", "Make it first.")
    return found


def find_list(connection: sa.Connection, kind: ListKind, wire_id: str) -> Row | None:
    """The row of a face list."""
    if not is_wire_id(wire_id):
        return None
    return connection.execute(_LIST, {"kind": kind, "wire_id": wire_id}).one_or_none()


def list_row(connection: sa.Connection, kind: ListKind, wire_id: str) -> Row:
    """As `find_list`. Raises FaceListUnknown."""
    found = find_list(connection, kind, wire_id)
    if found is None:
        raise FaceListUnknown(f"There is no {KIND_NAMES[kind]} of this id.", "Make it first.")
    return found


def any_row(connection: sa.Connection, kind: GroupKind | ListKind, wire_id: str) -> Row:
    """The row of a container of whatever kind. Raises GroupUnknown, FaceListUnknown."""
    if kind in GROUP_KINDS:
        return container_row(connection, kind, wire_id)
    return list_row(connection, cast("ListKind", kind), wire_id)


def read_templates(
    connection: sa.Connection, which: sa.ColumnElement[bool], model: str
) -> Templates:
    """Some enrolled faces, searchable, with guids in the place of people's names.

    Raises:
        ModelMismatch: there are faces, but none that `model` made.
    """
    query = (
        sa.select(persons.c.guid.label("person"), *(c for c in faces.c if c is not faces.c.crop))
        .select_from(faces.join(persons))
        .where(which)
        .order_by(faces.c.id)
    )
    rows = connection.execute(query).all()
    return build_templates([_record(row) for row in made_by(model, rows)])


def made_by(model: str, rows: list[Row] | Any) -> list[Row]:
    """The rows whose embeddings `model` made. Raises ModelMismatch where only others' are left."""
    mine = [row for row in rows if row.model == model]
    if rows and not mine:
        raise ModelMismatch(
            f"These faces were enrolled with another model than {model}.", "Enrol them again."
        )
    if len(mine) < len(rows):
        log.warning("%d faces were made by another model than %s", len(rows) - len(mine), model)
    return mine


def embedding_of(row: Row) -> NDArray[np.float32]:
    """(d,) float32. Raises GalleryInvalid where it is damaged."""
    if len(row.embedding) != 4 * EMBEDDING_SIZE:
        raise GalleryInvalid(
            f"The enrolled face {row.id} is damaged.", "Restore the gallery from an export."
        )
    return np.frombuffer(row.embedding, "<f4").astype(np.float32)


def embedding_bytes(embedding: NDArray[np.float32]) -> bytes:
    """As it is kept: little-endian float32."""
    return np.ascontiguousarray(embedding, "<f4").tobytes()


def _record(row: Row) -> FaceRecord:
    return FaceRecord(
        person=row.person,
        model=row.model,
        embedding=embedding_of(row),
        source=row.source,
        digest=row.digest,
        box=(row.box_x, row.box_y, row.box_width, row.box_height),
        quality=row.quality,
        id=row.id,
        guid=row.guid,
        person_guid=row.person,
    )
