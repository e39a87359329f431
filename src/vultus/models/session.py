"""Running networks. Everything above sees only the small `Session` protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from vultus.errors import ModelDamaged, ProviderMissing
from vultus.models import store
from vultus.models.catalogue import card
from vultus.settings import RuntimeSettings

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class Session(Protocol):
    """One network: arrays in, arrays out. Safe to call from several threads."""

    def run(self, image: NDArray[Any]) -> list[NDArray[Any]]:
        """`image` is the network's one input; outputs come in the order of the graph."""
        ...


class OnnxSession:
    """A `Session` on ONNX Runtime."""

    def __init__(self, data: bytes, name: str, runtime: RuntimeSettings) -> None:
        import onnxruntime

        chosen = choose_provider(runtime.provider)
        try:
            self._session = onnxruntime.InferenceSession(
                data, _options(runtime), providers=[_PROVIDERS[chosen]]
            )
        except Exception as error:  # ONNX Runtime has no common class for its errors
            raise ModelDamaged(
                f"{name} cannot be loaded: {error}", "Delete the model cache (`vultus info`)."
            ) from error
        found = [node.name for node in self._session.get_inputs()]
        if found != ["image"]:
            raise ModelDamaged(
                f"{name}: expected one input called image, found {found}.",
                "Delete the model cache (`vultus info`).",
            )
        self.provider = self._started(runtime.provider, chosen)

    def _started(self, asked: str, chosen: str) -> str:
        """The provider in use: ONNX Runtime takes the processor where another does not start."""
        if _PROVIDERS[chosen] in self._session.get_providers():
            return chosen
        if asked != "auto":
            raise ProviderMissing(
                f"The provider {asked!r} is installed, but does not start.",
                "Check its driver and libraries, or choose `auto`.",
            )
        return "cpu"

    def run(self, image: NDArray[Any]) -> list[NDArray[Any]]:
        outputs: list[NDArray[Any]] = self._session.run(None, {"image": image})
        return outputs


def _options(runtime: RuntimeSettings) -> onnxruntime.SessionOptions:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Input sizes change from picture to picture: planned and pooled memory would only grow. A pool
    # is not faster either: 26.7 ms a photo without, 28.0 with it.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    # Waiting threads of one network must not take the processor from the next one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def available_providers() -> list[str]:
    """Names of the providers that this installation of ONNX Runtime has."""
    import onnxruntime

    installed = set(onnxruntime.get_available_providers())
    return [name for name, provider in _PROVIDERS.items() if provider in installed]


def choose_provider(asked: str) -> str:
    """The provider that `asked` stands for; `auto` takes CUDA where it is, else the processor.

    Raises:
        ProviderMissing: a provider was asked for by name and is not installed.
    """
    available = available_providers()
    if asked == "auto":
        return "cuda" if "cuda" in available else "cpu"
    if asked not in available:
        raise ProviderMissing(
            f"The provider {asked!r} is not available here; there are: {', '.join(available)}.",
            "Install the matching build of onnxruntime, or choose `auto`.",
        )
    return asked


def load_sessions(model_id: str, runtime: RuntimeSettings) -> dict[str, OnnxSession]:
    """Sessions for all networks of a model, by file name without its ending."""
    files = store.load(card(model_id), runtime.cache_dir)
    return {Path(name).stem: OnnxSession(data, name, runtime) for name, data in files.items()}
