"""Glasses and masks drawn on aligned chips by their 68 landmarks, to train on.

Shapes are drawn large and made small, so that edges are as soft as a camera's. Points are
(68, 2) in pixels of the chip, in the order of iBUG 300-W; alphas are (side, side), 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]
Random = np.random.Generator

_LARGE = 3  # drawn so many times larger
_SHIFT = 4  # bits of a pixel's fraction in OpenCV's drawing


@dataclass(frozen=True)
class _Axes:
    """Of glasses: between the lenses; along the eyes and down, of length 1; between the eyes."""

    middle: Floats
    along: Floats
    down: Floats
    span: float


def with_glasses(chip: Bytes, points: Floats, random: Random) -> Bytes:
    """A chip, uint8 (150, 150, 3), with spectacles or sunglasses on."""
    side = chip.shape[0]
    axes = _axes(points, random)
    lenses = _lenses(axes, random)
    inside = _filled(side, lenses)
    out = chip.astype(np.float32)
    if random.random() < 0.5:
        out = _refracted(out, inside, lenses, random.uniform(0.9, 1.08))
    out = _lenses_filled(out, inside, lenses, random)
    frame = _frame(side, lenses, axes, points, random)
    out = _shaded(out, frame, random)
    gloss = 1 + _noise(side, 6, random) * random.uniform(0, 0.4)
    colour = _frame_colour(random) * gloss[..., None]
    return _bytes(_mixed(out, colour, frame * random.uniform(0.6, 1.0)))


def with_mask(chip: Bytes, points: Floats, random: Random) -> Bytes:
    """A chip with a mask over mouth, chin and mostly the nose, or with a scarf drawn up."""
    side = chip.shape[0]
    outline = _mask_outline(points, random)
    alpha = _filled(side, [outline])
    colour = _mask_colour(random)
    straps = _straps(side, outline, points, random)
    out = _shaded(chip.astype(np.float32), np.maximum(alpha, straps), random)
    if random.random() < 0.8:
        out = _mixed(out, colour, straps)
    cloth = _cloth(chip, points, colour, random)
    if random.random() < 0.4:  # a seam along the edge
        edge = _lines(side, [np.concatenate([outline, outline[:1]])], random.uniform(1, 3))
        cloth = cloth * (1 - random.uniform(-0.25, 0.4) * edge[..., None])
    return _bytes(_mixed(out, cloth, alpha * random.uniform(0.93, 1.0)))


def with_something(chip: Bytes, random: Random) -> Bytes:
    """A chip with what is neither: a blob as of a hand, a strand of hair, a brim."""
    side = chip.shape[0]
    kind = random.integers(3)
    if kind == 0:
        centre = np.array([random.uniform(20, 130), random.uniform(80, 150)])
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        radius = random.uniform(8, 24) * (1 + random.normal(0, 0.12, 24))
        blob = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
        alpha = _filled(side, [blob])
    elif kind == 1:
        start = np.array([random.uniform(0, side), random.uniform(-10, 30)])
        fall = np.array([random.normal(0, 6), random.uniform(2, 10)])
        steps = random.normal(0, 6, (8, 2)) + fall
        alpha = _lines(side, [start + np.cumsum(steps, 0)], random.uniform(0.6, 4))
    else:
        height, bow = random.uniform(5, 32), random.normal(0, 6)
        brim = [
            (-5, -5),
            (side + 5, -5),
            (side + 5, height),
            (side / 2, height + bow),
            (-5, height),
        ]
        alpha = _filled(side, [np.array(brim)])
    skin = chip[60:100, 50:100].reshape(-1, 3).mean(0)
    colour = skin * random.uniform(0.4, 1.2)
    if random.random() < 0.5:
        colour = random.uniform(0, 255, 3)
    shade = 1 + 0.3 * _noise(side, 12, random)[..., None]
    return _bytes(_mixed(chip.astype(np.float32), colour * shade, alpha * random.uniform(0.7, 1)))


def _axes(points: Floats, random: Random) -> _Axes:
    right, left = points[36:42].mean(0), points[42:48].mean(0)
    span = float(np.linalg.norm(left - right)) or 1.0
    angle = random.normal(0, 0.03)
    cos, sin = np.cos(angle), np.sin(angle)
    along = (left - right) / span @ np.array([[cos, sin], [-sin, cos]])
    down = np.array([-along[1], along[0]])
    slid = random.uniform(0.12, 0.35) if random.random() < 0.2 else random.uniform(-0.02, 0.12)
    return _Axes((left + right) / 2 + down * slid * span, along, down, span)


def _lenses(axes: _Axes, random: Random) -> list[Floats]:
    """The outlines of the subject's right and left lens, (64, 2) each: superellipses, bent."""
    width = axes.span * random.uniform(0.31, 0.46)
    flat = random.uniform(0.5, 0.8) if random.random() < 0.6 else random.uniform(0.8, 1)
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    power = 2 / random.uniform(2, 5)
    x = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** power
    y = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** power
    x = x * (1 - random.uniform(-0.05, 0.25) * (y + 1) / 2)  # narrower below
    y = y - random.uniform(-0.05, 0.2) * x * (y < 0)  # the outer corner drawn up
    y = np.where(y < 0, y * random.uniform(0.75, 1), y)
    apart = axes.span * random.uniform(0.98, 1.15)
    across, downwards = x * width, y * width * flat
    return [
        axes.middle
        + way * axes.along * apart / 2
        + np.outer(way * across, axes.along)
        + np.outer(downwards, axes.down)
        for way in (-1, 1)
    ]


def _frame(side: int, lenses: list[Floats], axes: _Axes, points: Floats, random: Random) -> Floats:
    """Rims (around, above only, or none), bridge and temples."""
    low, high = ((-0.6, 0.3), (0.3, 1.0), (1.0, 1.8))[random.choice(3, p=[0.5, 0.3, 0.2])]
    thick = float(np.exp(random.uniform(low, high)))
    rims = _lines(side, [np.concatenate([lens, lens[:1]]) for lens in lenses], thick)
    kind = random.random()
    if kind < 0.16:  # half: above only
        below = np.arange(side)[:, None] > axes.middle[1] + 0.02 * axes.span
        rims = rims * np.where(below, random.uniform(0, 0.3), 1)
    elif kind < 0.32:  # rimless
        rims = rims * random.uniform(0.0, 0.35)
    bridge = _lines(side, _bridge(lenses, axes, random), max(0.7, thick * random.uniform(0.7, 1.3)))
    lines = [_temple(lens, way, axes, random) for lens, way in zip(lenses, (-1, 1), strict=True)]
    temples = _lines(side, lines, max(0.7, thick * random.uniform(0.6, 1.8)))
    column = np.arange(side)
    between_ears = (column < points[16, 0] + 8) & (column > points[0, 0] - 8)
    temples = temples * between_ears * random.uniform(0.3, 1)
    return np.maximum(np.maximum(rims, bridge), temples)


def _bridge(lenses: list[Floats], axes: _Axes, random: Random) -> list[Floats]:
    height = random.uniform(-0.18, 0.05) * axes.span
    ends = []
    for lens in lenses:
        away = lens - axes.middle
        ends.append(
            lens[np.argmin(np.abs(away @ axes.along) + 0.3 * np.abs(away @ axes.down - height))]
        )
    top = (ends[0] + ends[1]) / 2 - axes.down * random.uniform(0, 0.12) * axes.span
    bars = [_curve(ends[0], top, ends[1])]
    if random.random() < 0.12:
        bars.append(bars[0] - axes.down * random.uniform(0.06, 0.16) * axes.span)
    return bars


def _temple(lens: Floats, way: int, axes: _Axes, random: Random) -> Floats:
    height = random.uniform(-0.25, 0.0) * axes.span
    away = lens - axes.middle
    outermost = way * (away @ axes.along) - 0.5 * np.abs(away @ axes.down - height)
    start = lens[np.argmax(outermost)]
    fall = axes.down * random.normal(0, 0.12) * axes.span
    return np.stack([start, start + way * axes.along * axes.span * 0.9 + fall])


def _curve(start: Floats, towards: Floats, end: Floats) -> Floats:
    t = np.linspace(0, 1, 12)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * towards + t**2 * end


def _frame_colour(random: Random) -> Floats:
    kind = random.random()
    if kind < 0.5:  # black and brown
        return random.uniform(5, 60, 3) * (1, 0.85, 0.75)
    if kind < 0.8:  # metal
        return random.uniform(90, 235) * random.uniform(0.85, 1.1, 3)
    return random.uniform(20, 235, 3)


def _lenses_filled(out: Floats, inside: Floats, lenses: list[Floats], random: Random) -> Floats:
    """Clear, tinted or dark, some with a gradient, some with reflections."""
    kind = random.random()
    if kind < 0.68:
        dark, colour = random.uniform(0, 0.08), np.full(3, random.uniform(0, 255))
    elif kind < 0.82:
        dark, colour = random.uniform(0.15, 0.5), random.uniform(10, 160, 3)
    else:
        dark, colour = random.uniform(0.75, 1.0), random.uniform(0, 50, 3)
    fade = np.ones((len(out), 1))
    if random.random() < 0.4:
        fade = np.linspace(1, random.uniform(0.4, 1), len(out))[:, None]
    out = _mixed(out, colour, inside * dark * fade)
    if random.random() < 0.4:
        out = _mixed(out, np.full(3, random.uniform(180, 255)), _glare(inside, lenses, random))
    return out


def _glare(inside: Floats, lenses: list[Floats], random: Random) -> Floats:
    spots = []
    for lens in lenses:
        for _ in range(random.integers(1, 4)):
            centre = lens.mean(0) + random.normal(0, 8, 2)
            corners = centre + random.normal(0, 1, (4, 2)) * random.uniform(2, 10, 2)
            spots.append(cv2.convexHull(corners.astype(np.float32))[:, 0])
    glare = cv2.GaussianBlur(_filled(len(inside), spots), (0, 0), random.uniform(0.5, 3))
    return glare * inside * random.uniform(0.15, 0.9)


def _refracted(out: Floats, inside: Floats, lenses: list[Floats], scale: float) -> Floats:
    """The eyes behind lenses, larger or smaller than they are."""
    columns = np.arange(out.shape[1])
    for lens in lenses:
        centre = lens.mean(0)
        move = np.column_stack([np.eye(2) * scale, centre - scale * centre])
        seen = cv2.warpAffine(out, move, out.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        near = np.abs(columns - centre[0]) < np.ptp(lens[:, 0]) / 2 + 2
        out = np.where((near & (inside > 0.5))[..., None], seen, out)
    return out


def _mask_outline(points: Floats, random: Random) -> Floats:
    """From one cheek over the nose, or under it, to the other, and back round the chin."""
    top = points[27] + (points[30] - points[27]) * random.uniform(0.05, 0.85)
    if random.random() < 0.15:
        top = points[33] + (points[51] - points[33]) * random.uniform(0.0, 0.6)
    first = random.integers(1, 3)
    up = random.uniform(0, 0.5)
    right = points[first] * (1 - up) + points[0] * up
    left = points[16 - first] * (1 - up) + points[16] * up
    if top[1] > points[33, 1] - 1:  # with the nose free it hangs at the sides as well
        right, left = (p + (q - p) * random.uniform(0.2, 0.8) for p, q in _cheeks(points))
    sag = random.uniform(0, 0.35)
    bows = [
        (end + top) / 2 + (0, sag * abs(top[1] - end[1]) + random.normal(2, 3))
        for end in (right, left)
    ]
    edge = np.concatenate([_curve(right, bows[0], top), _curve(top, bows[1], left)[1:]])
    chin = points[15 - first : first : -1]
    chin = points[30] + (chin - points[30]) * random.uniform(0.93, 1.15)
    if random.random() < 0.15:  # drawn up from below: no edge at the chin
        chin = points[30] + (chin - points[30]) * 1.8
    return np.concatenate([edge, chin + random.normal(0, 1, 2)])


def _cheeks(points: Floats) -> list[tuple[Floats, Floats]]:
    return [(points[1], points[3]), (points[15], points[13])]


def _mask_colour(random: Random) -> Floats:
    kind = random.random()
    if kind < 0.25:  # white
        return random.uniform(200, 255) * random.uniform(0.92, 1, 3)
    if kind < 0.5:  # light blue or green
        colour = random.uniform((80, 160, 190), (190, 225, 245))
        return colour[[0, 2, 1]] if random.random() < 0.3 else colour
    if kind < 0.75:  # black
        return random.uniform(8, 75) * random.uniform(0.85, 1.15, 3)
    return random.uniform(20, 240, 3)


def _cloth(chip: Bytes, points: Floats, colour: Floats, random: Random) -> Floats:
    """The mask's surface: colour, pattern, pleats, and the light that falls on the face."""
    side = chip.shape[0]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    middle = points[30, 0] + random.normal(0, 3)
    grey = chip.astype(np.float32).mean(2)
    light = cv2.GaussianBlur(grey, (0, 0), random.uniform(8, 16))
    light = np.clip(light / max(1.0, float(np.median(light[60:110, 40:110]))), 0.35, 1.5)
    shade = light ** random.uniform(0.2, 1.0)
    turned_away = np.clip(((x - middle) / random.uniform(45, 80)) ** 2, 0, 1)
    shade = shade * (1 - random.uniform(0.1, 0.6) * turned_away)
    shade = shade * (1 + random.uniform(0, 0.07) * _noise(side, random.uniform(2, 20), random))
    surface = np.broadcast_to(colour, (side, side, 3))
    kind = random.random()
    if kind < 0.35:  # pleats
        bow = ((x - middle) / 40) ** 2 * random.uniform(-4, 4)
        wave = np.sin((y + bow) / random.uniform(1.5, 3.5) + random.uniform(0, 6))
        shade = shade * (1 + random.uniform(0.02, 0.15) * wave)
    elif kind < 0.55:  # a fold down the middle
        fold = np.abs(x - middle) < random.uniform(0.5, 1.5)
        shade = shade * (1 - random.uniform(-0.1, 0.3) * fold)
        shade = shade * (1 + random.uniform(-0.15, 0.15) * np.sign(x - middle))
    elif kind < 0.75:
        surface = np.where(_pattern(x, y, random)[..., None], random.uniform(0, 255, 3), surface)
    if random.random() < 0.1:
        centre = middle + random.normal(0, 14), points[57, 1]
        valve = np.hypot(x - centre[0], y - centre[1]) < random.uniform(5, 9)
        shade = shade * np.where(valve, random.uniform(0.6, 1.15), 1)
    return np.clip(surface * shade[..., None], 0, 255)


def _pattern(x: Floats, y: Floats, random: Random) -> NDArray[np.bool_]:
    """Where the second colour is: blots, stripes or squares."""
    kind = random.integers(3)
    if kind == 0:
        return _noise(len(x), random.uniform(1, 6), random) > random.uniform(0, 1.2)
    angle, step = random.uniform(0, np.pi), random.uniform(1, 3.5)
    cos, sin = np.cos(angle), np.sin(angle)
    stripes = np.sin((x * cos + y * sin) / step) > random.uniform(-0.3, 0.7)
    return stripes if kind == 1 else stripes & (np.sin((y * cos - x * sin) / step) > 0)


def _straps(side: int, outline: Floats, points: Floats, random: Random) -> Floats:
    right, left = outline[0], outline[np.argmax(outline[:, 0])]
    ears = points[[0, 16]] + np.array([(-6, -4), (6, -4)]) + random.normal(0, 4, (2, 2))
    low = points[[3, 13]] + random.normal(0, 2, (2, 2))
    ends = [(right, ears[0]), (left, ears[1]), (low[0], ears[0]), (low[1], ears[1])]
    return _lines(side, [np.stack(pair) for pair in ends], random.uniform(0.7, 3))


def _shaded(out: Floats, alpha: Floats, random: Random) -> Floats:
    """With the shadow that a shape throws on the skin below it."""
    move = np.array([[1, 0, random.normal(0, 1.5)], [0, 1, random.uniform(0, 4)]])
    moved = cv2.warpAffine(alpha, move, alpha.shape[::-1])
    moved = cv2.GaussianBlur(moved, (0, 0), random.uniform(0.6, 2.5))
    return out * (1 - random.uniform(0, 0.4) * moved[..., None])


def _noise(side: int, smooth: float, random: Random) -> Floats:
    """Smooth noise of deviation 1, (side, side)."""
    cells = max(3, int(side / smooth))
    small = random.normal(0, 1, (cells, cells)).astype(np.float32)
    noise = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    return noise / (noise.std() + 1e-6)


def _filled(side: int, polygons: Sequence[Floats]) -> Floats:
    large = np.zeros((side * _LARGE, side * _LARGE), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(large, [_fixed(polygon)], 255, cv2.LINE_AA, _SHIFT)
    return _shrunk(large, side)


def _lines(side: int, lines: Sequence[Floats], thick: float) -> Floats:
    """Lines of a width in pixels; what is thinner than the finest line is drawn fainter."""
    large = np.zeros((side * _LARGE, side * _LARGE), np.uint8)
    width = max(1, round(thick * _LARGE))
    for line in lines:
        cv2.polylines(large, [_fixed(line)], False, 255, width, cv2.LINE_AA, _SHIFT)
    return _shrunk(large, side) * min(1.0, thick * _LARGE / width)


def _fixed(points: Floats) -> NDArray[np.int32]:
    large = np.asarray(points) * _LARGE + (_LARGE - 1) / 2
    return np.round(large * (1 << _SHIFT)).astype(np.int32)


def _shrunk(large: Bytes, side: int) -> Floats:
    small = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def _mixed(under: Floats, over: Floats, alpha: Floats) -> Floats:
    return (under + (over - under) * alpha[..., None]).astype(np.float32)


def _bytes(picture: Floats) -> Bytes:
    return np.clip(picture, 0, 255).astype(np.uint8)
