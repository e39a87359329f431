"""Eyes, foreheads and mouths of aligned chips covered by what was not there, to train on.

What covers them: sunglasses, hats and bands, hair, hands, scarves and masks, and plain patches,
with surfaces of their own or taken from other pictures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.draw_coverings import with_glasses, with_mask

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Random = np.random.Generator

_LARGE = 3  # shapes are drawn so many times larger and made small, for soft edges


def cover_eyes(chip: Bytes, points: Floats, other: Bytes, random: Random) -> Bytes:
    """A chip, uint8 (150, 150, 3), whose eyes cannot be seen; points: (68, 2); other: a picture."""
    eyes = points[36:42].mean(0), points[42:48].mean(0)
    span = float(np.linalg.norm(eyes[1] - eyes[0])) or 1.0
    turn = (eyes[1] - eyes[0]) / span
    down = np.array([-turn[1], turn[0]])
    if random.random() < 0.7:
        shape = _sunglasses(eyes, turn, down, span, random)
        return _pasted(chip, shape, _dark(random), random, least=0.8)
    middle = (eyes[0] + eyes[1]) / 2 + down * random.normal(0, 0.05) * span
    bar = _blob(
        middle,
        turn,
        down,
        random.uniform(0.85, 1.3) * span,
        random.uniform(0.28, 0.6) * span,
        random,
    )
    return _pasted(chip, [bar], _surface(chip, other, random), random, least=0.9)


def cover_forehead(chip: Bytes, points: Floats, other: Bytes, random: Random) -> Bytes:
    """A chip with a hat, a band or hair down to the brows."""
    brows = points[17:27]
    top = float(brows[:, 1].min())
    edge = top + random.uniform(-11, 5)
    left, right = points[0, 0] - 12, points[16, 0] + 12
    x = np.linspace(left, right, 24)
    bow = random.normal(0, 7) * (((x - 75) / 50) ** 2 - 0.3) + random.normal(0, 0.08) * (x - 75)
    rough = random.normal(0, random.choice([0.0, 1.0, 3.0]), 24)
    lower = np.stack([x, edge + bow + rough], 1)
    if random.random() < 0.2:  # a band
        upper = lower[::-1] - (0, random.uniform(22, 40))
    else:
        upper = np.array([(right + 10, -60), (left - 10, -60)])
    shape = np.concatenate([lower, upper])
    kind = random.random()
    surface = _strands(chip, random) if kind < 0.4 else _surface(chip, other, random)
    out = _pasted(chip, [shape], surface, random, least=0.92)
    if kind > 0.7:  # the shade of a brim
        y = np.arange(150)[:, None, None]
        shade = 1 - random.uniform(0.1, 0.5) * np.clip(
            1 - (y - edge) / random.uniform(10, 40), 0, 1
        )
        out = (out * np.where(y > edge, shade, 1)).astype(np.uint8)
    return out


def cover_mouth(chip: Bytes, points: Floats, other: Bytes, random: Random) -> Bytes:
    """A chip with a mask or scarf, or a hand or another thing before the mouth."""
    if random.random() < 0.5:
        return with_mask(chip, points, random)
    mouth = points[48:60]
    centre = mouth.mean(0) + random.normal(0, 3, 2)
    width = max(float(np.ptp(mouth[:, 0])), 20.0)
    angle = random.uniform(-0.8, 0.8)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    size = random.uniform(1.15, 2.2) * width, random.uniform(0.75, 1.5) * width
    shape = _blob(centre, along, across, *size, random)
    return _pasted(chip, [shape], _surface(chip, other, random), random, least=0.92)


def cover_nothing(chip: Bytes, points: Floats, other: Bytes, random: Random) -> Bytes:
    """A chip as it is, or with glasses, or with something where nothing is asked about."""
    kind = random.random()
    if kind < 0.35:
        return with_glasses(chip, points, random)
    if kind < 0.6:
        side = random.choice([points[2:4].mean(0), points[13:15].mean(0)])
        size = random.uniform(12, 30, 2)
        shape = _blob(side, np.array([1.0, 0]), np.array([0, 1.0]), *size, random)
        return _pasted(chip, [shape], _surface(chip, other, random), random, least=0.9)
    return chip


def _sunglasses(
    eyes: tuple[Floats, Floats], turn: Floats, down: Floats, span: float, random: Random
) -> list[Floats]:
    """Two lenses, the bridge and the temples."""
    width, height = span * random.uniform(0.36, 0.5), span * random.uniform(0.2, 0.36)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    power = 2 / random.uniform(2, 5)
    x = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** power * width
    y = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** power * height
    y = y + height * random.uniform(-0.1, 0.3)
    x = x * (1 - random.uniform(0, 0.25) * (y + height) / 2 / height)
    lenses = [
        eye + side * x[:, None] * turn + y[:, None] * down
        for eye, side in zip(eyes, (-1, 1), strict=True)
    ]
    thick = span * random.uniform(0.02, 0.07)
    high = (eyes[0] + eyes[1]) / 2 - down * height * random.uniform(0, 0.6)
    reach = span * random.uniform(0.1, 0.3)
    bridge = [
        high + turn * a * reach + down * b * thick for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    temples = [
        [
            eye + way * turn * s * span - down * (height * 0.5 + b * thick)
            for s, b in ((0.3, -1), (0.9, -1), (0.9, 1), (0.3, 1))
        ]
        for eye, way in zip(eyes, (-1, 1), strict=True)
    ]
    return [*lenses, np.array(bridge), *map(np.array, temples)]


def _dark(random: Random) -> Floats:
    """Dark lenses: nearly one colour, lighter below, perhaps with reflections."""
    y = np.repeat(np.arange(150, dtype=np.float32)[:, None] / 150, 150, axis=1)
    base = random.uniform(0, 55) + random.normal(0, 6, 3)
    light = 1 + random.uniform(-0.3, 1.2) * (y - 0.3) * 2
    surface = base * light[..., None] * np.ones(3)
    if random.random() < 0.5:
        smooth = _noise(random.uniform(6, 30), random)
        gleam = np.clip(smooth - random.uniform(0.5, 1.5), 0, None) * random.uniform(20, 120)
        surface = surface + gleam[..., None]
    if random.random() < 0.2:  # mirrored
        surface = surface + random.uniform(30, 110) * (0.5 + 0.3 * _noise(20, random))[..., None]
    return surface.astype(np.float32)


def _surface(chip: Bytes, other: Bytes, random: Random) -> Floats:
    """Another picture's, skin (a hand), or one colour with shades and folds."""
    kind = random.random()
    if kind < 0.3:
        return _patch(other, random, (0, 0, 150, 150))
    if kind < 0.6:  # a hand has the colour of the face
        skin = chip[70:100, 45:105].reshape(-1, 3).mean(0) * random.uniform(0.75, 1.2)
        fingers = np.sin(np.arange(150) / random.uniform(2, 5) + random.uniform(0, 6))
        lines = np.clip(fingers - random.uniform(0.3, 0.9), 0, 1) * random.uniform(0, 0.6)
        shade = 1 - (lines[None] if random.random() < 0.5 else lines[:, None])
        surface = skin * (shade * (1 + 0.1 * _noise(20, random)))[..., None]
        own = _patch(other, random, (40, 65, 110, 100))
        return (surface if random.random() < 0.7 else own).astype(np.float32)
    colour = (
        random.uniform(0, 255) * random.uniform(0.8, 1.2, 3)
        if random.random() < 0.6
        else random.uniform(0, 255, 3)
    )
    light = 1 + random.uniform(0, 0.3) * _noise(random.uniform(4, 40), random)
    surface = colour * light[..., None]
    if random.random() < 0.3:
        lettering = _noise(random.uniform(1.5, 6), random) > random.uniform(0.5, 1.5)
        surface = np.where(lettering[..., None], random.uniform(0, 255, 3), surface)
    return surface.astype(np.float32)


def _strands(chip: Bytes, random: Random) -> Floats:
    """Hair: fine lines that run down."""
    tall = random.normal(0, 1, (random.integers(4, 14), 150)).astype(np.float32)
    lines = cv2.resize(tall, (150, 150), interpolation=cv2.INTER_CUBIC)
    lines = cv2.GaussianBlur(lines, (0, 0), random.uniform(0.5, 2.0))
    shear = np.array([[1, random.normal(0, 0.5), 0], [0, 1, 0]])
    lines = cv2.warpAffine(lines, shear, (150, 150), borderMode=cv2.BORDER_REFLECT)
    own = chip[0:12, 40:110].reshape(-1, 3)
    colour = (
        np.median(own, 0)
        if random.random() < 0.5
        else random.uniform(5, 130) * np.array([1, 0.85, 0.7])
    )
    colour = np.clip(colour, 8, 190)
    return (
        colour * (1 + random.uniform(0.1, 0.5) * lines / (lines.std() + 1e-3))[..., None]
    ).astype(np.float32)


def _patch(picture: Bytes, random: Random, within: tuple[int, int, int, int]) -> Floats:
    """A part of a picture, turned and made as large as a chip."""
    left, top, right, bottom = within
    side = random.uniform(0.35, 0.9) * min(right - left, bottom - top)
    x, y = random.uniform(left, right - side), random.uniform(top, bottom - side)
    part = picture[int(y) : int(y + side), int(x) : int(x + side)]
    part = np.rot90(part, random.integers(4))
    return cv2.resize(np.ascontiguousarray(part), (150, 150)).astype(np.float32)


def _blob(
    centre: Floats, along: Floats, across: Floats, width: float, height: float, random: Random
) -> Floats:
    """A rounded shape, (32, 2)."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    power = 2 / random.uniform(2, 6)
    wobble = 1 + cv2.GaussianBlur(random.normal(0, 0.2, (1, 32)).astype(np.float32), (0, 0), 2)[0]
    x = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** power * width / 2 * wobble
    y = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** power * height / 2 * wobble
    return centre + x[:, None] * along + y[:, None] * across


def _pasted(chip: Bytes, shapes: list, surface: Floats, random: Random, *, least: float) -> Bytes:
    large = np.zeros((150 * _LARGE, 150 * _LARGE), np.uint8)
    for shape in shapes:
        cv2.fillPoly(
            large, [np.round(np.asarray(shape) * _LARGE).astype(np.int32)], 255, cv2.LINE_AA
        )
    alpha = cv2.resize(large, (150, 150), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    alpha = cv2.GaussianBlur(alpha, (0, 0), random.uniform(0.3, 1.5))
    moved = cv2.warpAffine(
        alpha, np.array([[1, 0, random.normal(0, 2)], [0, 1, random.uniform(0, 4)]]), (150, 150)
    )
    shadow = 1 - random.uniform(0, 0.4) * cv2.GaussianBlur(moved, (0, 0), 2)
    under = chip * shadow[..., None]
    mixed = under + (surface - under) * (alpha * random.uniform(least, 1))[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)


def _noise(smooth: float, random: Random) -> Floats:
    small = max(3, int(150 / smooth))
    noise = cv2.resize(
        random.normal(0, 1, (small, small)).astype(np.float32),
        (150, 150),
        interpolation=cv2.INTER_CUBIC,
    )
    return noise / (noise.std() + 1e-6)
