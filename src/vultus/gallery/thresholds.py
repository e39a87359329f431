"""The threshold of a group's own, as `vultus calibrate` measured it: kept, read and applied."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import Any

from vultus.gallery.audit import note
from vultus.gallery.calibration import Calibrator
from vultus.gallery.database import Database
from vultus.gallery.rows import group_id_of, now
from vultus.gallery.schema import groups

COLUMNS = (
    groups.c.threshold,
    groups.c.threshold_model,
    groups.c.threshold_far,
    groups.c.threshold_people,
    groups.c.threshold_at,
)


@dataclass(frozen=True)
class GroupThreshold:
    """distance: of `model`, the largest at which a face is named.

    far: the share of searches for strangers in which somebody is named, at most; people: how many
    there were when it was measured, more make the share larger; measured_at: UTC.
    """

    model: str
    distance: float
    far: float
    people: int
    measured_at: datetime.datetime | None = None

    def applied_to(self, calibrator: Calibrator) -> Calibrator:
        """The calibrator with this threshold; as it is where it is of another model."""
        if calibrator.model_id != self.model:
            return calibrator
        return replace(calibrator, threshold=self.distance)


def threshold_of(row: Any) -> GroupThreshold | None:
    """Out of a row that has the `COLUMNS`."""
    if row.threshold is None:
        return None
    return GroupThreshold(
        row.threshold_model,
        row.threshold,
        row.threshold_far,
        row.threshold_people,
        row.threshold_at,
    )


def write_threshold(database: Database, group: str, measured: GroupThreshold | None) -> None:
    """Give a group a threshold, or take it away. Raises GroupUnknown."""
    values: dict[str, object] = {column.name: None for column in COLUMNS}
    if measured is not None:
        values = {
            "threshold": measured.distance,
            "threshold_model": measured.model,
            "threshold_far": measured.far,
            "threshold_people": measured.people,
            "threshold_at": now(),
        }
    with database.write() as connection:
        group_id = group_id_of(connection, group)
        connection.execute(groups.update().where(groups.c.id == group_id).values(values))
        told = "reset"
        if measured is not None:
            told = f"threshold {measured.distance:.4f} for a rate of {measured.far:g}"
        note(connection, "group.calibrate", group, told)
