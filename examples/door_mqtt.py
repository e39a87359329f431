"""Tell Home Assistant, or anything else that speaks MQTT, who is at the door.

    python examples/door_mqtt.py rtsp://user:password@door/stream1 mqtt://broker -g family

Never drive a lock from this: a photograph of a face matches like the face.
"""
# ruff: noqa: T201

import argparse

import vultus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("broker", help="mqtt://[user:password@]host[/base-topic], or mqtts://")
    parser.add_argument("-g", "--group", help="people to look for; the default group without")
    parser.add_argument("--gallery", help="path of the gallery; the usual one without")
    options = parser.parse_args()
    with vultus.watch(
        options.source,
        group=options.group,
        gallery=options.gallery,
        camera="door",
        on="enter",
        to=[options.broker],  # durable: what happens while the broker is down arrives later
    ) as visits:
        for visit in visits:
            print(f"{visit.who} came at {visit.start.astimezone():%H:%M:%S}", flush=True)


if __name__ == "__main__":
    main()
