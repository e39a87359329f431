"""Strangers that a group remembers: unnamed people who keep one label across days and cameras."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vultus.errors import StrangerUnknown, UsageError
from vultus.gallery.audit import note, note_person
from vultus.gallery.calibration import Calibrator
from vultus.gallery.database import Database
from vultus.gallery.grouping import group_faces
from vultus.gallery.labels import label_number, stranger_label
from vultus.gallery.rows import (
    check_name,
    find_group,
    find_person,
    group_id_of,
    insert_group,
    inserted,
    now,
    touch,
)
from vultus.gallery.schema import faces, groups, persons, stranger_faces, strangers, visits
from vultus.gallery.visits import forget_visits

# Two unnamed faces are one stranger only if they are nearer than a face must be to an enrolled
# photo: mean embeddings of small, blurred faces crowd together. Seen in one clip: 0.23 and 0.37
# for the same person after a gap, 0.44 and more for different ones.
STRICTER = 0.8


@dataclass(frozen=True)
class Stranger:
    """label: `unknown-0001`; visits: how many are remembered; times are ISO 8601, UTC."""

    label: str
    group: str
    faces: int
    visits: int
    ignored: bool
    created_at: str
    seen_at: str


@dataclass(frozen=True)
class StrangerFace:
    """embedding: (d,) float32; quality: 0 to 1; face_px: width in pixels."""

    embedding: NDArray[np.float32]
    quality: float
    face_px: float


class StrangerStore:
    """Strangers by label. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def strangers(
        self, group: str | None = None, *, after: str | None = None, limit: int | None = None
    ) -> list[Stranger]:
        """Strangers by group and number, or a page: `limit` behind the label `after`."""
        query = _query().order_by(groups.c.name, strangers.c.number).limit(limit)
        with self._database.read() as connection:
            if group is not None:
                query = query.where(strangers.c.group_id == group_id_of(connection, group))
            if after is not None:
                query = query.where(strangers.c.number > (label_number(after) or 0))
            return [_stranger(row) for row in connection.execute(query)]

    def stranger(self, group: str, label: str) -> Stranger:
        """One stranger. Raises GroupUnknown, StrangerUnknown."""
        with self._database.read() as connection:
            key = _stranger_id(connection, group_id_of(connection, group), label, group)
            return _stranger(connection.execute(_query().where(strangers.c.id == key)).one())

    def revision(self, group: str) -> tuple[object, ...]:
        """What changes with the group's strangers; cheap enough to ask before every search."""
        with self._database.read() as connection:
            group_id = find_group(connection, group)
            of_group = sa.select(strangers.c.id).where(strangers.c.group_id == group_id)
            heads = sa.select(
                sa.func.count(strangers.c.id),
                sa.func.max(strangers.c.created_at),  # ids are given again
                sa.func.sum(sa.cast(strangers.c.ignored, sa.Integer)),
            ).where(strangers.c.group_id == group_id)
            parts = sa.select(
                sa.func.count(stranger_faces.c.id), sa.func.max(stranger_faces.c.seen_at)
            ).where(stranger_faces.c.stranger_id.in_(of_group))
            return (*connection.execute(heads).one(), *connection.execute(parts).one())

    def read(self, group: str, model: str) -> tuple[list[tuple[str, StrangerFace]], frozenset[str]]:
        """The faces that `model` made, with labels, and the labels that are ignored."""
        query = (
            sa.select(strangers.c.number, strangers.c.ignored, stranger_faces)
            .select_from(stranger_faces.join(strangers))
            .where(stranger_faces.c.model == model)
            .order_by(strangers.c.number, stranger_faces.c.id)
        )
        with self._database.read() as connection:
            group_id = find_group(connection, group)
            rows = connection.execute(query.where(strangers.c.group_id == group_id)).all()
        found = [
            (
                stranger_label(row.number),
                StrangerFace(
                    np.frombuffer(row.embedding, "<f4").astype(np.float32),
                    row.quality,
                    row.face_px,
                ),
            )
            for row in rows
        ]
        return found, frozenset(stranger_label(row.number) for row in rows if row.ignored)

    def add(self, group: str, model: str, looks: Sequence[StrangerFace]) -> str:
        """A new stranger with these faces; returns the label. The group is made if need be."""
        with self._database.write(create=True) as connection:
            group_id = find_group(connection, group)
            group_id = insert_group(connection, group) if group_id is None else group_id
            number = _next_number(connection, group_id)
            key = inserted(
                connection,
                strangers,
                group_id=group_id,
                number=number,
                created_at=now(),
                seen_at=now(),
            )
            _insert_faces(connection, key, model, looks)
            return stranger_label(number)

    def learn(
        self, group: str, label: str, model: str, looks: Sequence[StrangerFace], *, keep: int
    ) -> None:
        """Keep the best `keep` of the faces so far and these; a label that is gone is left out."""
        with self._database.write() as connection:
            key = _find(connection, find_group(connection, group), label)
            if key is None:  # named or forgotten meanwhile
                return
            mine = sa.and_(stranger_faces.c.stranger_id == key, stranger_faces.c.model == model)
            known = connection.execute(sa.select(stranger_faces.c.embedding).where(mine))
            have = {row[0] for row in known}
            fresh = [look for look in looks if _bytes(look) not in have]
            _insert_faces(connection, key, model, fresh)
            best = (
                sa.select(stranger_faces.c.id)
                .where(mine)
                .order_by(stranger_faces.c.quality.desc(), stranger_faces.c.id)
            )
            for row in connection.execute(best).all()[keep:]:
                connection.execute(stranger_faces.delete().where(stranger_faces.c.id == row[0]))
            seen = strangers.update().where(strangers.c.id == key).values(seen_at=now())
            connection.execute(seen)

    def name(self, group: str, label: str, person: str) -> int:
        """Make a stranger a person, or part of one that is there; past visits follow.

        Returns how many visits did.

        Raises:
            GroupUnknown, StrangerUnknown: there is no such group or stranger.
        """
        person = check_name(person, "person")
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            key = _stranger_id(connection, group_id, label, group)
            person_id = find_person(connection, group_id, person)
            if person_id is None:
                person_id = inserted(
                    connection, persons, group_id=group_id, name=person, created_at=now()
                )
            mine = sa.select(stranger_faces).where(stranger_faces.c.stranger_id == key)
            for row in connection.execute(mine).all():
                connection.execute(faces.insert().values(**_as_face(row, person_id, label)))
            followed = _hand_over(connection, key, person_id)
            note_person(connection, "stranger.name", person_id, f"{label} of {group}")
            touch(connection, group_id)
            return followed

    def named(self, group: str, label: str) -> str | None:
        """Whom a stranger who is no more was named, or None. The faces tell where they are from."""
        query = (
            sa.select(persons.c.name)
            .select_from(faces.join(persons).join(groups))
            .where(groups.c.name == group, faces.c.source == label)
            .limit(1)
        )
        with self._database.read() as connection:
            if _find(connection, find_group(connection, group), label) is not None:
                return None
            return connection.execute(query).scalar()

    def become(self, group: str, label: str, person: str) -> None:
        """A stranger was a known person all the time: the visits are the person's, and the
        stranger's faces, which were too poor to tell, are dropped. Nothing where one is gone."""
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            key = _find(connection, group_id, label)
            person_id = find_person(connection, group_id, person)
            if key is not None and person_id is not None:
                _hand_over(connection, key, person_id)

    def merge(self, group: str, label: str, into: str) -> int:
        """Two strangers are one: faces and visits of the first are the second's from now on.

        Whoever ignored one of them ignores both. Returns how many visits followed.

        Raises:
            GroupUnknown, StrangerUnknown: there is no such group or stranger.
            UsageError: both are the same.
        """
        if label == into:
            raise UsageError(f"{label} is one stranger already.", "Name two.")
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            gone = _stranger_id(connection, group_id, label, group)
            kept = _stranger_id(connection, group_id, into, group)
            of_gone = sa.select(strangers).where(strangers.c.id == gone)
            row = connection.execute(of_gone).one()
            known = sa.select(stranger_faces.c.embedding).where(
                stranger_faces.c.stranger_id == kept
            )
            mine = stranger_faces.c.stranger_id == gone
            same = sa.and_(mine, stranger_faces.c.embedding.in_(known))
            connection.execute(stranger_faces.delete().where(same))
            connection.execute(stranger_faces.update().where(mine).values(stranger_id=kept))
            followed = connection.execute(
                visits.update().where(visits.c.stranger_id == gone).values(stranger_id=kept)
            )
            seen = strangers.update().where(strangers.c.id == kept)
            later = sa.case(
                (strangers.c.seen_at < row.seen_at, row.seen_at), else_=strangers.c.seen_at
            )
            connection.execute(
                seen.values(seen_at=later, ignored=sa.or_(strangers.c.ignored, row.ignored))
            )
            connection.execute(strangers.delete().where(strangers.c.id == gone))
            note(connection, "stranger.merge", into, f"{label} of {group}")
            return followed.rowcount

    def ignore(self, group: str, label: str, *, ignored: bool) -> None:
        """Whether visits of this stranger are announced. Raises StrangerUnknown."""
        with self._database.write() as connection:
            key = _stranger_id(connection, group_id_of(connection, group), label, group)
            change = strangers.update().where(strangers.c.id == key).values(ignored=ignored)
            connection.execute(change)
            action = "stranger.ignore" if ignored else "stranger.heed"
            note(connection, action, label, f"group {group}")

    def forget(self, group: str, label: str) -> list[str]:
        """Delete a stranger with all visits; returns the visits' pictures, for deletion.

        Raises:
            GroupUnknown, StrangerUnknown: there is no such group or stranger.
        """
        with self._database.write() as connection:
            key = _stranger_id(connection, group_id_of(connection, group), label, group)
            note(connection, "stranger.forget", label, f"group {group}")
            return _forget(connection, key)

    def forget_unseen(self, group: str, *, since: datetime.datetime) -> tuple[int, list[str]]:
        """Delete all strangers not seen since then; how many, and the visits' pictures."""
        moment = since.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        with self._database.write() as connection:
            query = sa.select(strangers.c.id).where(
                strangers.c.group_id == group_id_of(connection, group),
                strangers.c.seen_at < moment,
            )
            keys = list(connection.execute(query).scalars())
            if keys:
                note(connection, "stranger.forget_unseen", group, f"{len(keys)} strangers")
            pictures = [picture for key in keys for picture in _forget(connection, key)]
            return len(keys), pictures


def same_strangers(
    found: Sequence[tuple[str, StrangerFace]], calibrator: Calibrator
) -> list[list[str]]:
    """Labels of strangers that are probably one person, the oldest of each first.

    found: as `StrangerStore.read` gives them. What one label has stays together.
    """
    if not found:
        return []
    places = {label: place for place, label in enumerate(dict.fromkeys(name for name, _ in found))}
    grouping = group_faces(
        np.stack([face.embedding for _, face in found]),
        calibrator,
        begun=[places[label] for label, _ in found],
        distinct=False,
    )
    groups = [sorted({found[row][0] for row in rows}, key=_number) for rows in grouping.groups]
    return sorted((each for each in groups if len(each) > 1), key=lambda each: _number(each[0]))


def _number(label: str) -> int:
    return label_number(label) or 0


def _query() -> sa.Select[Any]:
    return sa.select(
        strangers,
        groups.c.name,
        _count(stranger_faces.c.id, stranger_faces.c.stranger_id).label("faces"),
        _count(visits.c.id, visits.c.stranger_id).label("visits"),
    ).select_from(strangers.join(groups))


def _stranger(row: sa.Row[Any]) -> Stranger:
    return Stranger(
        label=stranger_label(row.number),
        group=row.name,
        faces=row.faces,
        visits=row.visits,
        ignored=row.ignored,
        created_at=row.created_at.isoformat() + "Z",
        seen_at=row.seen_at.isoformat() + "Z",
    )


def _count(what: sa.Column[int], of: sa.Column[int]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count(what)).where(of == strangers.c.id).scalar_subquery()


def _next_number(connection: sa.Connection, group_id: int) -> int:
    """One more than ever before: who is named or forgotten leaves no number to others."""
    mine = groups.c.id == group_id
    raised = groups.update().where(mine).values(last_stranger=groups.c.last_stranger + 1)
    connection.execute(raised)
    return int(connection.execute(sa.select(groups.c.last_stranger).where(mine)).scalar_one())


def _insert_faces(
    connection: sa.Connection, key: int, model: str, looks: Sequence[StrangerFace]
) -> None:
    for look in looks:
        connection.execute(
            stranger_faces.insert().values(
                stranger_id=key,
                model=model,
                embedding=_bytes(look),
                quality=float(look.quality),
                face_px=float(look.face_px),
                seen_at=now(),
            )
        )


def _bytes(look: StrangerFace) -> bytes:
    return np.ascontiguousarray(look.embedding, "<f4").tobytes()


def _as_face(row: sa.Row[tuple[object, ...]], person_id: int, label: str) -> dict[str, object]:
    """A stranger's face as an enrolled one; its picture is known by the embedding only."""
    side = row.face_px
    return {
        "person_id": person_id,
        "model": row.model,
        "embedding": row.embedding,
        "source": label,
        "digest": hashlib.sha256(row.embedding).hexdigest(),
        "box_x": 0.0,
        "box_y": 0.0,
        "box_width": side,
        "box_height": side,
        "quality": row.quality,
        "enrolled_at": now(),
    }


def _find(connection: sa.Connection, group_id: int | None, label: str) -> int | None:
    return connection.execute(
        sa.select(strangers.c.id).where(
            strangers.c.group_id == group_id, strangers.c.number == label_number(label)
        )
    ).scalar()


def _stranger_id(connection: sa.Connection, group_id: int, label: str, group: str) -> int:
    found = _find(connection, group_id, label)
    if found is None:
        raise StrangerUnknown(
            f"There is no stranger {label!r} in {group!r}.",
            "List the strangers of the group.",
        )
    return found


def _hand_over(connection: sa.Connection, key: int, person_id: int) -> int:
    """Give a stranger's visits to a person and remove the stranger; how many visits."""
    followed = connection.execute(
        visits.update()
        .where(visits.c.stranger_id == key)
        # somebody who knows said so
        .values(person_id=person_id, stranger_id=None, probability=1.0)
    )
    connection.execute(strangers.delete().where(strangers.c.id == key))
    return followed.rowcount


def _forget(connection: sa.Connection, key: int) -> list[str]:
    pictures = forget_visits(connection, visits.c.stranger_id == key)
    connection.execute(strangers.delete().where(strangers.c.id == key))
    return pictures
