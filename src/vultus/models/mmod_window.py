"""What the network of `dlib-mmod` sees and says: numbers that its file must agree with.

Kept apart from the converter, so that looking for faces does not import ONNX.
"""

from __future__ import annotations

import numpy as np

# Each score is for a window of WINDOW x WINDOW pixels around STRIDE * place + CENTRE.
WINDOW = 80
STRIDE = 8
CENTRE = 14
# The first network, `trunk`, sees so many pixels for each place and makes FEATURES numbers of them.
REACH = 29
FEATURES = 32
# The second, `head`, sees so many places on each side of a score's own.
HALO = 10
# Pixels come as (pixel - MEAN) / SCALE, and what is no picture is 0.
MEAN = np.array([122.782, 117.001, 104.298], np.float32)
SCALE = 256.0
# Two boxes that share more of the rectangle around both are one face.
OVERLAP = 0.3382761351109955
