"""The 27 points that Azure's Face service names, from the 68 of iBUG 300-W."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# In the service's own order; left and right as seen in the image.
AZURE_POINTS = (
    "pupilLeft",
    "pupilRight",
    "noseTip",
    "mouthLeft",
    "mouthRight",
    "eyebrowLeftOuter",
    "eyebrowLeftInner",
    "eyeLeftOuter",
    "eyeLeftTop",
    "eyeLeftBottom",
    "eyeLeftInner",
    "eyebrowRightInner",
    "eyebrowRightOuter",
    "eyeRightInner",
    "eyeRightTop",
    "eyeRightBottom",
    "eyeRightOuter",
    "noseRootLeft",
    "noseRootRight",
    "noseLeftAlarTop",
    "noseRightAlarTop",
    "noseLeftAlarOutTip",
    "noseRightAlarOutTip",
    "upperLipTop",
    "upperLipBottom",
    "underLipTop",
    "underLipBottom",
)

# Those that the 68 have: a point of theirs, or the middle of some.
_MIDDLES = {
    # The lids' points only: the corners lie lower than the pupil.
    "pupilLeft": (37, 38, 40, 41),
    "pupilRight": (43, 44, 46, 47),
    "noseTip": (30,),
    "mouthLeft": (48,),
    "mouthRight": (54,),
    "eyebrowLeftOuter": (17,),
    "eyebrowLeftInner": (21,),
    "eyeLeftOuter": (36,),
    "eyeLeftTop": (37, 38),
    "eyeLeftBottom": (40, 41),
    "eyeLeftInner": (39,),
    "eyebrowRightInner": (22,),
    "eyebrowRightOuter": (26,),
    "eyeRightInner": (42,),
    "eyeRightTop": (43, 44),
    "eyeRightBottom": (46, 47),
    "eyeRightOuter": (45,),
    "upperLipTop": (51,),
    "upperLipBottom": (62,),
    "underLipTop": (66,),
    "underLipBottom": (57,),
}


def azure_points(points68: Floats) -> Floats:
    """The points of `AZURE_POINTS`, shape (n, 27, 2) float32, from `Faces.points68`.

    Twenty-one are points of the 68 or lie between some of them. Pupils are the middle of the lids,
    which was steadier on photos than the detector's eyes. The sides of the nose are not among
    the 68; each is a weighted mean of points that are, with weights tried on photos and set
    against published answers of the service:

    - noseRoot, beside the bridge at the height of the eyes: from the middle of the bridge's
      upper two points (27, 28), 45 % of the way to the inner corner of the eye (39 or 42);
    - noseAlarOutTip, the widest place of the nostril's wing: from the nostril's lower end (31 or
      35) a quarter farther from the base of the nose (33), and up by 12 % of the nose (33 to 27);
    - noseAlarTop, where the wing begins: 25 % noseRoot, 55 % noseAlarOutTip, 20 % the bridge
      above the tip (29).
    """
    placed = {
        name: points68[:, indices].mean(axis=1, dtype=np.float32)
        for name, indices in _MIDDLES.items()
    }
    for side, eye_corner, nostril in (("Left", 39, 31), ("Right", 42, 35)):
        root, top, out_tip = _side_of_nose(points68, eye_corner, nostril)
        placed[f"noseRoot{side}"] = root
        placed[f"nose{side}AlarTop"] = top
        placed[f"nose{side}AlarOutTip"] = out_tip
    return np.stack([placed[name] for name in AZURE_POINTS], axis=1)


def _side_of_nose(points68: Floats, eye_corner: int, nostril: int) -> tuple[Floats, Floats, Floats]:
    """Root, top of the wing and its widest place, (n, 2) each."""
    base = points68[:, 33]
    bridge = points68[:, (27, 28)].mean(axis=1, dtype=np.float32)
    root = bridge + np.float32(0.45) * (points68[:, eye_corner] - bridge)
    out = np.float32(0.25) * (points68[:, nostril] - base)
    up = np.float32(0.12) * (points68[:, 27] - base)
    out_tip = points68[:, nostril] + out + up
    shares = np.array([0.25, 0.55, 0.2], np.float32)[:, None, None]
    top = (shares * np.stack([root, out_tip, points68[:, 29]])).sum(axis=0)
    return root, top, out_tip
