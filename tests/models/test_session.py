from __future__ import annotations

import warnings
from threading import Thread

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from vultus.errors import ModelDamaged, ProviderMissing
from vultus.models.catalogue import DETECTOR
from vultus.models.graph import GraphBuilder
from vultus.models.session import OnnxSession, available_providers, choose_provider, load_sessions
from vultus.settings import RuntimeSettings

CPU = RuntimeSettings(provider="cpu", threads=1)


def doubler() -> bytes:
    graph = GraphBuilder()
    x = graph.pixels_to_planes("image")
    graph.rename(graph.node("Add", x, x), "twice")
    graph.rename(graph.node("Neg", x), "minus")
    shape = ("n", 3, "height", "width")
    return graph.build(
        ("n", "height", "width", 3), {"twice": shape, "minus": shape}, name="doubler"
    )


def pretend_cuda(monkeypatch):
    """As on a machine whose CUDA build of ONNX Runtime does not find its libraries."""
    names = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)


def test_outputs_come_in_the_order_of_the_graph():
    image = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    twice, minus = OnnxSession(doubler(), "doubler", CPU).run(image)
    np.testing.assert_array_equal(twice, image.transpose(0, 3, 1, 2) * np.float32(2))
    np.testing.assert_array_equal(minus, -image.transpose(0, 3, 1, 2).astype(np.float32))


def test_threads_may_share_a_session():
    session = OnnxSession(doubler(), "doubler", RuntimeSettings(provider="cpu", threads=2))
    found = {}

    def work(value: int) -> None:
        image = np.full((1, 40, 50, 3), value, np.uint8)
        found[value] = {float(session.run(image)[0].max()) for _ in range(50)}

    threads = [Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {value: {2.0 * value} for value in range(4)}


def test_the_processor_is_always_there():
    assert "cpu" in available_providers()
    assert choose_provider("cpu") == "cpu"


def test_auto_takes_what_there_is(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert choose_provider("auto") == "cpu"
    pretend_cuda(monkeypatch)
    assert choose_provider("auto") == "cuda"


@pytest.mark.parametrize("asked", ["cuda", "coreml", "openvino", "directml"])
def test_an_absent_provider_asked_for_by_name_fails_loudly(monkeypatch, asked):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderMissing, match=f"{asked}.*cpu"):
        OnnxSession(doubler(), "doubler", RuntimeSettings(provider=asked))


def test_a_provider_that_does_not_start_fails_loudly(monkeypatch):
    if "cuda" in available_providers():
        pytest.skip("CUDA is here and would start")
    pretend_cuda(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX Runtime's, about the provider
        with pytest.raises(ProviderMissing, match="does not start"):
            OnnxSession(doubler(), "doubler", RuntimeSettings(provider="cuda"))
        session = OnnxSession(doubler(), "doubler", RuntimeSettings(provider="auto"))
    assert session.provider == "cpu"  # what runs, not what was hoped for


@pytest.mark.parametrize("data", [b"", b"hello", b"\0" * 100, doubler()[:-50], doubler()[:200]])
def test_bytes_that_are_no_network_are_refused(data):
    with pytest.raises(ModelDamaged, match="doubler"):
        OnnxSession(data, "doubler", CPU)


def test_another_network_is_refused_with_what_was_expected():
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("in", "out")]
    node = helper.make_node("Neg", ["in"], ["out"])
    graph = helper.make_graph([node], "other", info[:1], info[1:])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    with pytest.raises(ModelDamaged, match=r"expected one input called image, found \['in'\]"):
        OnnxSession(model.SerializeToString(), "other", CPU)


def test_all_networks_of_a_model_are_loaded_by_name():
    sessions = load_sessions(DETECTOR, RuntimeSettings())
    assert list(sessions) == ["pnet", "rnet", "onet"]
    box, score = sessions["rnet"].run(np.zeros((2, 24, 24, 3), np.uint8))
    assert box.shape == (2, 4)
    np.testing.assert_allclose(score.sum(axis=1), 1, atol=1e-6)
