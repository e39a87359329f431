"""The networks of attributes that Vultus ships, made by the recipes in `training/`."""

from __future__ import annotations

# The part of an aligned chip of 150 pixels that they look at: left, top, right, bottom. Brows to
# chin; what lies around says more of hair and clothes.
CROP = (19, 25, 131, 137)
