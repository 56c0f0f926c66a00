"""Ways to run a parser's network: ONNX Runtime on CPUs, torch.compile on GPUs, plain torch for comparison."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from models.overlay_parser.modeling import OverlayParser
from ops.labels import atlas

#: Returns button logits (B, 17), stick places (B, 2, 2) and log spreads (B, 2), float32, of `OverlayParser.forward`'s
#: pairs and a reference of one row.
Run = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


#: Version of ONNX's operators that the export uses; ONNX Runtime has had it since 1.12.
_OPSET: Final = 17
#: ONNX Runtime's level from which it prints: errors.
_ONLY_ERRORS: Final = 3


class _Flat(nn.Module):
    """What is read, as a plain tuple."""

    def __init__(self, model: OverlayParser) -> None:
        super().__init__()
        self.model = model

    def forward(self, pairs: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.model(pairs, reference)
        return output.button_logits, output.sticks.places, output.sticks.log_spread


def run_torch(model: OverlayParser) -> Run:
    """Run the network as it is."""
    return _inferring(_Flat(model).eval())


def run_compiled(model: OverlayParser) -> Run:
    """Run the network through torch.compile, which takes a minute at the first batch."""
    return _inferring(torch.compile(_Flat(model).eval(), dynamic=True))


def _inferring(flat: Run) -> Run:
    def run(pairs: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.inference_mode():
            return flat(pairs, reference)

    return run


def run_onnx(model: OverlayParser) -> Run:
    """Run the network through ONNX Runtime on the CPU, on as many threads as torch would; the export takes seconds."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = _ONLY_ERRORS
    session: Any = onnxruntime.InferenceSession(export_onnx(model), options, providers=["CPUExecutionProvider"])

    def run(pairs: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        feeds = {"pairs": pairs.numpy(), "reference": reference.numpy()}
        logits, places, log_spread = (torch.from_numpy(array) for array in session.run(None, feeds))
        return logits, places, log_spread

    return run


def export_onnx(model: OverlayParser) -> bytes:
    """Return the network as an ONNX model for batches of any size."""
    shape = (atlas.HEIGHT_PX, atlas.WIDTH_PX)
    example = (torch.zeros(2, 2, *shape, 3, dtype=torch.uint8), torch.zeros(1, *shape, 7, dtype=torch.uint8))
    outputs = ("logits", "places", "log_spread")
    exported = io.BytesIO()
    sink: Any = exported  # of a kind that the annotation leaves out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it traces shapes that are the same for all batches
        # Not by torch.export, which takes three times as long and needs two more packages.
        torch.onnx.export(
            _Flat(model).eval(),
            example,
            sink,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["pairs", "reference"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in ("pairs", *outputs)},
        )
    return exported.getvalue()


RUNTIMES: Final[dict[str, Callable[[OverlayParser], Run]]] = {
    "onnx": run_onnx,
    "compile": run_compiled,
    "torch": run_torch,
}


def runtime_for(device: torch.device) -> str:
    """Return the name of the runtime that measures best on a device (docs/benchmarks.md, "Reading")."""
    return "onnx" if device.type == "cpu" else "compile"
