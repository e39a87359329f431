"""For receivers of webhooks: signing a body, and checking who signed it."""

from __future__ import annotations

import hashlib
import hmac
import time

SIGNATURE_HEADER = "X-Vultus-Signature"
TOLERANCE_S = 300.0


def sign(body: bytes, secret: str, moment: int) -> str:
    """The header's value, `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `t.body`."""
    signed = f"{moment}.".encode() + body
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def verify_signature(
    body: bytes, header: str, secret: str, tolerance_s: float = TOLERANCE_S
) -> bool:
    """Whether `header` signs exactly this body with this secret, and did so just now.

    body: as received, before any parsing. tolerance_s: how far the two clocks may be apart;
    what was signed earlier may be a copy that somebody sends again. Takes the same time for
    every wrong signature.
    """
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    stamp = parts.get("t", "")
    if not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 12:
        return False
    right = sign(body, secret, int(stamp)).partition(",v1=")[2]
    same = hmac.compare_digest(right.encode(), parts.get("v1", "").encode())
    return same and abs(time.time() - int(stamp)) <= tolerance_s
