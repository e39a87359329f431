"""What the server writes to stderr."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import warnings, sys
from vultus.server.logs import access_log, configure
configure(as_json=True)
for text in ("Skipping tag 1", "Skipping tag 2"):
    warnings.warn_explicit(text, UserWarning, "TiffImagePlugin.py", 946, "PIL.TiffImagePlugin")
access_log.info("request", status=200)
"""


def test_each_line_is_json_whatever_a_picture_makes_pillow_say():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["status"]) for line in lines] == [("request", 200)]
