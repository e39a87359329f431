"""`vultus cluster --strangers`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import typer

from vultus.cli import options
from vultus.cli.output import Output


def cluster_strangers(
    out: Output, group: str, address: str | None, far: float | None, *, merge: bool, yes: bool
) -> None:
    """Tell which strangers of a group are one person, and make them one where that was asked for.

    Raises:
        GalleryMissing, GroupUnknown: there is no such gallery or group.
    """
    from vultus.gallery.strangers import STRICTER, same_strangers

    with options.make_gallery(address, far=far) as people:
        people.require_group(group)
        calibrator = people.calibrator
        strict = replace(calibrator, threshold=STRICTER * calibrator.threshold)
        faces, _ = people.strangers.read(group, calibrator.model_id)
        found = same_strangers(faces, strict)
        visits = {each.label: each.visits for each in people.strangers.strangers(group)}
        if merge and found and not yes:
            count = sum(len(labels) - 1 for labels in found)
            typer.confirm(f"Merge {count} strangers into others for ever?", abort=True, err=True)
        rows: list[dict[str, Any]] = []
        for labels in found:
            first, *others = labels
            if merge:
                for label in others:
                    people.strangers.merge(group, label, first)
            shown = {"stranger": first, "same": others, "group": group}
            total = sum(visits.get(label, 0) for label in labels)
            rows.append({**shown, "visits": total, "merged": merge})
    if out.format.value != "json":
        rows = [{**row, "same": " ".join(row["same"])} for row in rows]
    out.table(rows, "No two strangers look like the same person.")
