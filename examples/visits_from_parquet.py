"""Count visits a day and person from events that were written to Parquet.

    pip install 'vultus[parquet]'
    vultus watch 0 --group family --to parquet:events
    python examples/visits_from_parquet.py events

With s3fs, gcsfs or adlfs installed the folder may be s3://bucket/events and the like.
"""
# ruff: noqa: T201

import argparse

import fsspec
import pyarrow.compute as pc
import pyarrow.dataset as ds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="what followed parquet: in --to")
    parser.add_argument("--since", default="0000-00-00", help="first day, as in 2026-11-21 (UTC)")
    options = parser.parse_args()
    store, path = fsspec.core.url_to_fs(options.folder)
    events = ds.dataset(
        path,
        filesystem=store,
        partitioning=ds.partitioning(flavor="hive"),
    ).to_table(
        columns=["visit", "sequence", "day", "camera", "person", "stranger", "start", "end"],
        filter=(ds.field("type") == "exit") & (ds.field("day") >= options.since),
    )
    # an event may have come twice: (visit, sequence) is what tells
    events = events.group_by(["visit", "sequence"], use_threads=False).aggregate(
        [(name, "first") for name in ("day", "camera", "person", "stranger", "start", "end")]
    )
    seconds = pc.divide(
        pc.cast(pc.microseconds_between(events["start_first"], events["end_first"]), "double"), 1e6
    )
    who = pc.coalesce(events["person_first"], events["stranger_first"])
    table = events.append_column("who", who).append_column("seconds", seconds)
    found = table.group_by(["day_first", "who"]).aggregate([("visit", "count"), ("seconds", "sum")])
    for row in found.sort_by([("day_first", "ascending"), ("who", "ascending")]).to_pylist():
        seen = f"{row['visit_count']} visits, {row['seconds_sum']:.0f} s"
        print(row["day_first"], row["who"], seen)


if __name__ == "__main__":
    main()
