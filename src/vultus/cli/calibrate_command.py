"""`vultus calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.folder_faces import (
    CacheOption,
    describe_pictures,
    make_describer,
    tell_unreadable,
)
from vultus.cli.output import Format, Output
from vultus.errors import NothingToDo, UsageError

if TYPE_CHECKING:
    from vultus.evaluate.calibrating import Strangers
    from vultus.evaluate.strangers import StrangerPictures
    from vultus.gallery.gallery import Gallery


def calibrate(
    group: options.GroupOption = "default",
    far: Annotated[
        float | None,
        typer.Option(
            "--far",
            help="Wished share of searches for strangers in which somebody is named, such as 0.01.",
            show_default=False,
        ),
    ] = None,
    strangers: Annotated[
        Path | None,
        typer.Option(
            "--strangers",
            help="Pictures of people who are not in the group: a folder a person, or one each.",
            show_default=False,
        ),
    ] = None,
    all_strangers: Annotated[
        bool,
        typer.Option("--all-strangers", help="Count those who look as if they were enrolled, too."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and set nothing.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Take the group's own threshold away.")
    ] = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    cached: CacheOption = True,
    jobs: options.JobsOption = 0,
) -> None:
    """Measure a group, and set the threshold that names strangers so rarely.

    A rate that so few strangers cannot show is refused.

    Example: vultus calibrate --group friends --far 0.01 --strangers others/
    """
    out = Output(format)
    if reset:
        if far is not None or strangers is not None or dry_run or all_strangers:
            raise UsageError("--reset measures nothing.", "Give it alone, with --group.")
        with options.make_gallery(gallery) as people:
            people.set_threshold(group, None)
            threshold = people.calibrator_for(group).threshold
        record = {"group": group, "threshold": threshold, "set": False}
        out.data(record, f"{group} has no threshold of its own any more; {threshold:.4f} is used")
        return
    _calibrate(out, group, far, strangers, all_strangers, dry_run, gallery, mirror, cached, jobs)


def _calibrate(
    out: Output,
    group: str,
    far: float | None,
    folder: Path | None,
    count_enrolled: bool,
    dry_run: bool,
    address: str | None,
    mirror: bool | None,
    cached: bool,
    jobs: int,
) -> None:
    from vultus.cli.records import rounded
    from vultus.evaluate.calibrating import NOBODY, measure
    from vultus.evaluate.showable import require_showable
    from vultus.evaluate.strangers import list_strangers

    if far is None:
        raise UsageError("There is no rate.", "Say which you wish, such as --far 0.01.")
    listed = None if folder is None else list_strangers(folder)
    with options.make_gallery(address) as gallery:
        templates = gallery.templates(group)
        if not templates.persons:
            raise NothingToDo(f"Nobody is enrolled in {group!r}.", "Enrol people first.")
        # a rate that cannot be shown fails before the work
        own = len(templates.persons) // 2 if len(templates.persons) > 1 else 0
        require_showable(far, own + (listed.most if listed else 0))
        looked = NOBODY if listed is None else _look(out, listed, jobs, mirror, cached=cached)
        record: dict[str, Any] = {"group": group} | measure(
            templates,
            looked,
            gallery.calibrator_for(group),
            far=far,
            margin=gallery.settings.matching.margin,
            count_enrolled=count_enrolled,
        )
        if not dry_run:
            _set(gallery, group, record)
    record["set"] = not dry_run
    out.data(rounded(record), _lines(record))


def _set(gallery: Gallery, group: str, record: dict[str, Any]) -> None:
    from vultus.gallery.thresholds import GroupThreshold

    model = gallery.analyzer.embedder_id
    gallery.set_threshold(
        group, GroupThreshold(model, record["threshold"], record["far"], record["people"])
    )


def _look(
    out: Output, listed: StrangerPictures, jobs: int, mirror: bool | None, *, cached: bool
) -> Strangers:
    from vultus.evaluate.strangers import gather_strangers

    analyzer, at_once = make_describer(jobs, len(listed.paths), mirror)
    looked = describe_pictures(out, analyzer, listed.paths, at_once, cached=cached)
    tell_unreadable(out, looked)
    faceless = sum(one.error is None and one.main is None for one in looked)
    if faceless:
        out.note(f"{faceless} pictures of strangers show no face and are left out")
    return gather_strangers(listed, looked, analyzer.embedder_id)


# for people


def _lines(record: dict[str, Any]) -> list[str]:
    before = record["before"]
    done = "is set" if record["set"] else "would be set (--dry-run)"
    lines = [
        *_warnings(record),
        f"{record['group']}: {record['people']} people with {record['faces']} faces; searched for "
        f"{record['strangers']} strangers from pictures and each of the people as a stranger to "
        f"the others, which are worth {record['counted']} strangers",
        f"threshold {record['threshold']:.4f} {done}, for a rate of {record['far']:g}"
        + (": the loosest that was measured for the model" if record["loosest"] else ""),
        f"strangers named: {_rate(record['rate'])} (before, at {before['threshold']:.4f}: "
        f"{_rate(before['rate'])})",
        _cost(record["named"], before["named"]),
    ]
    if record["by_card"] is not None:
        lines.append(
            f"for comparison, an estimate from the model's card, of other people's pictures: "
            f"{record['by_card']:.2%} of searches"
        )
    return [*lines, *_alike(record)]


def _warnings(record: dict[str, Any]) -> list[str]:
    lines = []
    if not record["strangers"]:
        why = "no strangers were given (--strangers)"
        if record["looks_enrolled"]:
            why = "all strangers look as if they were enrolled"
        lines.append(f"{why}: the people of the group stand in for them")
    for one in record["looks_enrolled"]:
        lines.append(
            f"left out: {one['stranger']} ({one['source']}) looks like {one['person']} who is "
            f"enrolled, at {one['distance']:.2f}; --all-strangers counts such people"
        )
    for one in record["same_person"]:
        lines.append(
            f"left out: {one['person']} and {one['other']} look like one person; "
            "see `vultus gallery check`"
        )
    for one in record["mislabelled"]:
        lines.append(
            f"left out: {one['person']} and {one['other']}: face {one['face']} of {one['person']} "
            f"looks like {one['other']}; see `vultus gallery check`"
        )
    return lines


def _rate(rate: dict[str, float]) -> str:
    return f"{rate['seen']:.2%} of searches seen, at most {rate['at_most']:.2%} (19 times of 20)"


def _cost(now: dict[str, Any], before: dict[str, Any]) -> str:
    if not now["faces"]:
        return "what it costs in missed matches is not known: everybody has one photo"
    return (
        f"of {now['faces']} photos of {now['people']} people with several, {now['named']:.1%} are "
        f"named by the person's others (before {before['named']:.1%}): {now['missed']} missed, "
        f"{now['misnamed']} given another name"
    )


def _alike(record: dict[str, Any]) -> list[str]:
    alike = record["alike"]
    count = alike["too_alike"]
    pairs = "pair of people is" if count == 1 else "pairs of people are"
    lines = [f"{count} {pairs} too alike at this threshold"]
    if alike["pairs"]:
        lines[0] += "; the most alike:"
    for pair in alike["pairs"]:
        mark = " (too alike)" if pair["too_alike"] else ""
        lines.append(
            f"  {pair['distance']:.3f}{mark}: {pair['person']} (face {pair['face']}, "
            f"{pair['source']}) to {pair['other']} (face {pair['other_face']}, "
            f"{pair['other_source']})"
        )
    named = [one for one in record["nearest_strangers"] if one["named"]]
    if named:
        lines.append("strangers who are named even so:")
    for one in named:
        lines.append(
            f"  {one['distance']:.3f}: {one['stranger']} ({one['source']}) as {one['person']}"
        )
    return lines
