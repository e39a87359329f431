"""The two networks against a plain NumPy forward pass of what dlib's file describes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from vultus.errors import ModelDamaged
from vultus.models import mmod_window as window
from vultus.models.catalogue import MMOD, card
from vultus.models.dlib_mmod import convert
from vultus.models.dlib_stream import DlibStream
from vultus.models.session import OnnxSession
from vultus.models.store import read_weights
from vultus.settings import RuntimeSettings

FILE = "mmod_human_face_detector.dat"
RNG = np.random.default_rng(9)


@pytest.fixture(scope="module")
def data() -> bytes:
    return read_weights(card(MMOD))[FILE]


@pytest.fixture(scope="module")
def converted(data) -> dict[str, bytes]:
    return convert({FILE: data})


@pytest.fixture(scope="module")
def sessions(converted) -> dict[str, OnnxSession]:
    runtime = RuntimeSettings(provider="cpu")
    return {name: OnnxSession(network, name, runtime) for name, network in converted.items()}


@pytest.fixture(scope="module")
def layers(data) -> list[dict[str, np.ndarray]]:
    """Each convolution with the batch normalisation behind it, in doubles, not folded."""
    stream = DlibStream(data, FILE)
    found = []
    channels = 3
    for number in range(7):
        stream.seek_layer("con_4")
        values = stream.tensor().ravel().astype(np.float64)
        count, rows, columns, stride, _, pad, _ = stream.integers(7).tolist()
        layer = {
            "kernel": values[:-count].reshape(count, channels, rows, columns),
            "bias": values[-count:],
            "stride": stride,
            "pad": pad,
        }
        channels = count
        if number < 6:
            stream.seek_layer("bn_con2")
            layer["gamma"], layer["beta"] = stream.tensor().reshape(2, count).astype(np.float64)
            stream.integers(10)
            _, _, means, variances = (stream.tensor().ravel() for _ in range(4))
            layer |= {"means": means.astype(np.float64), "variances": variances.astype(np.float64)}
        found.append(layer)
    return found


def run(layer: dict, x: np.ndarray) -> np.ndarray:
    """(channels, height, width) through convolution, normalisation and ReLU."""
    kernel, pad, stride = layer["kernel"], layer["pad"], layer["stride"]
    padded = np.pad(x, [(0, 0), (pad, pad), (pad, pad)])
    windows = sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    y = np.einsum("cyxhw,ochw->oyx", windows, kernel) + layer["bias"][:, None, None]
    if "gamma" not in layer:
        return y
    columns = {name: layer[name][:, None, None] for name in ("gamma", "beta", "means", "variances")}
    y = (y - columns["means"]) / np.sqrt(columns["variances"] + 1e-4)
    return np.maximum(y * columns["gamma"] + columns["beta"], 0)


def test_the_trunk_is_dlibs_first_three_convolutions(sessions, layers):
    image = RNG.uniform(-0.5, 0.5, (3, 61, 74)).astype(np.float32)
    expected = image.astype(np.float64)
    for layer in layers[:3]:
        expected = run(layer, expected)
    (features,) = sessions["trunk.onnx"].run(image[None])
    assert features.shape == (1, window.FEATURES, 5, 6)
    np.testing.assert_allclose(features[0], expected, atol=2e-5)


def test_the_head_is_the_rest_and_its_padding_is_zeros(sessions, layers):
    features = RNG.uniform(0, 1, (window.FEATURES, 7, 11)).astype(np.float32)
    expected = features.astype(np.float64)
    for layer in layers[3:]:
        expected = run(layer, expected)
    (scores,) = sessions["head.onnx"].run(features[None])
    assert scores.shape == (1, 1, 7, 11)
    np.testing.assert_allclose(scores[0], expected, atol=2e-5)


def test_strips_that_share_what_the_trunk_reaches_meet_exactly(sessions):
    trunk = sessions["trunk.onnx"]
    image = RNG.uniform(-0.5, 0.5, (1, 3, 90, 50)).astype(np.float32)
    (whole,) = trunk.run(image)
    middle = 3 * window.STRIDE
    upper = trunk.run(image[:, :, : middle - window.STRIDE + window.REACH])[0]
    lower = trunk.run(image[:, :, middle:])[0]
    np.testing.assert_allclose(np.concatenate([upper, lower], axis=2), whole, atol=1e-6)


def test_a_score_depends_on_no_row_beyond_the_halo(sessions):
    head = sessions["head.onnx"]
    features = RNG.uniform(0, 1, (1, window.FEATURES, 40, 8)).astype(np.float32)
    changed = features.copy()
    changed[:, :, : 20 - window.HALO] = 0
    before, after = head.run(features)[0], head.run(changed)[0]
    np.testing.assert_array_equal(before[:, :, 20:], after[:, :, 20:])
    assert not np.array_equal(before[:, :, 19], after[:, :, 19])


def test_the_networks_are_whole_and_made_the_same_each_time(converted, data):
    assert list(converted) == card(MMOD).outputs
    assert convert({FILE: data}) == converted
    for network in converted.values():
        onnx.checker.check_model(onnx.load_from_string(network))


def altered(data: bytes, before: bytes, after: bytes) -> bytes:
    assert data.count(before) >= 1
    assert len(before) == len(after)
    return data.replace(before, after, 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"loss_mmod_\x01\x01\x01P\x01P", b"loss_mmod_\x01\x01\x01P\x01(", "window of 80"),
        (b"\x07\x8cjT\xf2P\xa6\x15", b"\x07\x8cjT\xf2P\xa6\x14", "overlap"),
        (b"pyramid\x03b\x90\xf5", b"pyramid\x03b\x90\xf4", "mean"),
        (b"input_rgb_image_pyramid", b"input_rgb_image_sizedxx", "input_rgb_image_pyramid"),
        (b"\x01\x10\x01\x05\x01\x05\x01\x02", b"\x01\x10\x01\x05\x01\x05\x01\x01", "convolution 0"),
        (b"bn_con2", b"affine_", "tensor of 32 numbers"),
    ],
)
def test_another_network_is_refused_with_what_was_expected(data, before, after, expected):
    with pytest.raises(ModelDamaged, match=expected):
        convert({FILE: altered(data, before, after)})


@pytest.mark.parametrize("length", [0, 3, 60, 5_000, 700_000])
def test_a_file_that_is_cut_off_is_refused(data, length):
    with pytest.raises(ModelDamaged, match="mmod_human_face_detector"):
        convert({FILE: data[:length]})
