"""An RTSP server that says when it sends what; runs under the system's Python with GStreamer.

Arguments: port, then mount=folder for each stream. A folder holds access units of H.264, one a
file, which are sent in a loop at 15 frames a second to each client, from the first one on. Each
is told on stdout when it leaves: mount, number of the file, seconds since 1970.
"""

import os
import sys
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    '( multifilesrc location="{}/%05d.h264" loop=true '
    'caps="video/x-h264,stream-format=byte-stream,alignment=au,framerate=15/1" '
    "! h264parse config-interval=-1 ! identity name=camera sync=true "
    "! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def main() -> None:
    port, *mounts = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for mount in mounts:
        name, folder = mount.split("=", 1)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(PIPELINE.format(folder))
        factory.set_shared(False)
        factory.connect("media-configure", tell, name, len(list(Path(folder).glob("*.h264"))))
        server.get_mount_points().add_factory(f"/{name}", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    say("ready")
    GLib.MainLoop().run()


def tell(_factory, media, mount, count) -> None:
    """Write a line for every unit that passes the point where a camera would send it."""
    sent = 0

    def passed(_pad, _info):
        nonlocal sent
        say(f"{mount} {sent % count} {time.time():.6f}")
        sent += 1
        return Gst.PadProbeReturn.OK

    pad = media.get_element().get_child_by_name("camera").get_static_pad("src")
    pad.add_probe(Gst.PadProbeType.BUFFER, passed)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
