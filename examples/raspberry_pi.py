"""A Raspberry Pi's camera at a low rate, with pictures of who came. Not tried on a Pi yet.

    sudo apt install python3-picamera2
    python3 -m venv --system-site-packages venv && venv/bin/pip install .
    venv/bin/python examples/raspberry_pi.py --group family

Another source, such as 0 for a USB camera or a file, can be named instead.
"""
# ruff: noqa: T201

import argparse

import vultus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="picamera:")
    parser.add_argument("--group", help="people to look for; the default group without")
    parser.add_argument("--gallery", help="path of the gallery; the usual one without")
    parser.add_argument("--pictures", default="visits", help="folder for the pictures")
    options = parser.parse_args()
    settings = vultus.Settings(
        video={
            "analysis_fps": 3,  # the processor is small
            "detect_fps": 2,
            "detect_side_px": 640,
            "processor_share": 0.7,  # and others may want some of it
        },
    )
    with vultus.watch(
        options.source,
        group=options.group,
        gallery=options.gallery,
        snapshots=options.pictures,
        settings=settings,
    ) as visits:
        for visit in visits:
            shot = visit.best_shot
            print(visit.who, f"{visit.seconds:.0f} s", shot and shot.picture, flush=True)
            if not visits.status[0].keeps_up:
                print("the Pi cannot keep up: lower analysis_fps", flush=True)


if __name__ == "__main__":
    main()
