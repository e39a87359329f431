"""Enrol people on a Vultus server, and name those in a picture and in a video.

    python examples/server_client.py http://127.0.0.1:8000 KEY people.zip party.jpg clip.mp4

people.zip has a folder a person. Needs httpx, and nothing of Vultus.
"""
# ruff: noqa: T201

import argparse
import time
from pathlib import Path

import httpx


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("key", help="with the role operator or admin")
    parser.add_argument("people", type=Path, help="zip with a folder a person")
    parser.add_argument("picture", type=Path)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("-g", "--group", default="friends")
    options = parser.parse_args()
    headers = {"Authorization": f"Bearer {options.key}"}
    with httpx.Client(base_url=options.url, headers=headers, timeout=60) as server:
        enrol(server, options.group, options.people)
        name_people(server, options.group, options.picture)
        if options.video is not None:
            look_through(server, options.group, options.video)


def enrol(server: httpx.Client, group: str, people: Path) -> None:
    with people.open("rb") as archive:
        accepted = server.post(f"/api/v1/groups/{group}/enrolments", files={"people": archive})
    result = result_of(server, accepted)
    print(f"{result['enrolled']} faces enrolled, {result['known']} were there before")
    for picture in result["pictures"]:
        if "error" in picture:
            print(f"  {picture['source']}: {picture['error']['message']}")


def name_people(server: httpx.Client, group: str, picture: Path) -> None:
    answer = server.post(
        "/api/v1/identify",
        params={"group": group, "explain": True},
        content=picture.read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    for face in answer.raise_for_status().json()["faces"]:
        who = face["person"] or "a stranger"
        print(f"{picture.name}: {who} ({face['probability']:.0%}), {face['why']['reason']}")


def look_through(server: httpx.Client, group: str, video: Path) -> None:
    with video.open("rb") as film:
        accepted = server.post("/api/v1/videos", params={"group": group}, files={"video": film})
    for person in result_of(server, accepted)["people"]:
        who = person["person"] or person["stranger"]
        times = ", ".join(f"{v['start_s']:.1f} to {v['end_s']:.1f} s" for v in person["visits"])
        print(f"{video.name}: {who}: {times}")


def result_of(server: httpx.Client, accepted: httpx.Response) -> dict:
    """Wait for a job; what was accepted is done even if the server is killed meanwhile."""
    place = accepted.raise_for_status().headers["Location"]
    while (job := server.get(place).raise_for_status().json())["state"] in ("queued", "running"):
        time.sleep(0.5)
    if job["state"] != "succeeded":
        raise SystemExit(f"The job {job['state']}: {job.get('error', {}).get('message', '')}")
    return server.get(f"{place}/result").raise_for_status().json()


if __name__ == "__main__":
    main()
