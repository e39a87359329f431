"""The RTSP server itself; runs under the system's Python, which has GStreamer's bindings.

Arguments: port, user, password (both may be empty), then mount=folder for each stream. A folder
holds access units of H.264, one a file, which are sent in a loop at 15 frames a second.
"""

import os
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    '( multifilesrc location="{}/%05d.h264" loop=true '
    'caps="video/x-h264,stream-format=byte-stream,alignment=au,framerate=15/1" '
    "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def main() -> None:
    port, user, password, *mounts = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if user:
        server.set_auth(authentication(user, password))
    for mount in mounts:
        name, folder = mount.split("=", 1)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(PIPELINE.format(folder))
        factory.set_shared(False)
        if user:
            allow(factory)
        server.get_mount_points().add_factory(f"/{name}", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    threading.Thread(target=end_with_the_tests, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


def end_with_the_tests() -> None:
    """However the tests end, their end of the pipe closes then."""
    sys.stdin.read()
    os._exit(0)


def authentication(user, password):
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def allow(factory):
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main()
