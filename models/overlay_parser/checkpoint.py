"""A parser on disk, and a parser at work.

A checkpoint is a folder with `model.safetensors` and `config.json` (and a card beside them); nothing is unpickled. One
may hold a second network in `procedural.safetensors` and `procedural.json`, for the library's procedural skins.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.overlay_parser.config import ParserConfig
from models.overlay_parser.modeling import OverlayParser, stick_certainty
from models.overlay_parser.runtime import RUNTIMES, Run, runtime_for
from ops.gamepad import Floats
from ops.labels.reading import Reading
from ops.outcomes import BadInputError
from ops.skins.procedural import is_procedural
from ops.skins.template import Pixels, Template

#: The checkpoint that a clone has.
SHIPPED = Path(__file__).parent / "shipped"


class Network(NamedTuple):
    """The files of one network of a checkpoint."""

    weights: str
    config: str


#: Reads all overlays, or those of imported skins where there is a second one.
MAIN = Network("model.safetensors", "config.json")
#: Reads overlays of the library's own procedural skins.
PROCEDURAL = Network("procedural.safetensors", "procedural.json")
#: Characters of a reason that are kept: torch lists every tensor that does not fit.
_REASON_CHARS = 300


def find_checkpoint(name: str) -> Path:
    """Return the folder of the `shipped` checkpoint, or the folder that is named."""
    return SHIPPED if name == "shipped" else Path(name)


def save_parser(model: OverlayParser, folder: Path) -> None:
    """Write a checkpoint's files into a folder."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / MAIN.weights)
    (folder / MAIN.config).write_text(json.dumps(asdict(model.config), indent=1, sort_keys=True) + "\n")


def load_parser(folder: Path = SHIPPED, network: Network = MAIN) -> OverlayParser:
    """Return a network of a checkpoint, in eval mode.

    Raises:
        BadInputError: a file is missing or does not fit.
    """
    for name in network:
        if not (folder / name).is_file():
            raise BadInputError(
                f"no parser checkpoint in {folder}: {name} is missing; expected {' and '.join(network)}"
            )
    try:
        fields: dict[str, Any] = json.loads((folder / network.config).read_text())
        config = ParserConfig.from_dict(fields)
        model = OverlayParser(config)
        model.load_state_dict(load_file(folder / network.weights))
    except (ValueError, TypeError, AttributeError, RuntimeError, OSError, SafetensorError) as error:
        raise BadInputError(f"parser checkpoint {folder}: {' '.join(str(error).split())[:_REASON_CHARS]}") from error
    return model.eval()


@dataclass
class ParserPredictor:
    """Reads batches of frame pairs with a network: the predictor that `ops.labels.parse` is handed.

    Attributes:
        model: in eval mode, on its device.
        batch_size: pairs at once; more of them no longer fit a processor's cache.
        runtime: a name of `RUNTIMES`; by default the device's best.
    """

    model: OverlayParser
    batch_size: int = 32
    runtime: str | None = None

    @cached_property
    def _run(self) -> Run:
        return RUNTIMES[self.runtime or runtime_for(self._device)](self.model)

    @cached_property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def __call__(self, pairs: Pixels, reference: Pixels) -> Reading:
        """Return what is read of pairs (n, 2, H, W, 3), given the reference atlas (H, W, 7) of their video."""
        parts: list[tuple[Floats, Floats, Floats]] = []
        looks = torch.from_numpy(reference.copy())[None].to(self._device)
        for start in range(0, len(pairs), self.batch_size):
            batch = torch.from_numpy(pairs[start : start + self.batch_size]).to(self._device)
            logits, places, log_spread = self._run(batch, looks)
            parts.append((_numpy(logits.sigmoid()), _numpy(places), _numpy(stick_certainty(log_spread))))
        return Reading(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _numpy(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)


def load_predictor(folder: Path = SHIPPED, device: str = "cpu", network: Network = MAIN) -> ParserPredictor:
    """Return a predictor with a network of a checkpoint (see `load_parser`)."""
    return ParserPredictor(load_parser(folder, network).to(device))


class CheckpointReader:
    """Gives, for a template, the predictor of the checkpoint that reads its overlays: a `PredictorFor`.

    Args:
        folder: the checkpoint.
        device: to read on.

    Raises:
        BadInputError: a file is missing or does not fit.
    """

    def __init__(self, folder: Path = SHIPPED, device: str = "cpu") -> None:
        self._source = folder, device
        self._main = load_predictor(folder, device)
        has_second = (folder / PROCEDURAL.weights).exists()
        self._procedural = load_predictor(folder, device, PROCEDURAL) if has_second else self._main

    def __call__(self, template: Template) -> ParserPredictor:
        """Return the predictor for overlays of a template."""
        return self._procedural if is_procedural(template.template_id) else self._main

    def __reduce__(self) -> tuple[Any, ...]:
        """Be read from its files again where it is unpickled: what runs the network cannot travel."""
        return CheckpointReader, self._source


@lru_cache(maxsize=2)
def _cached_reader(folder: Path, content: str) -> CheckpointReader:
    torch.set_num_threads(1)  # one of several workers that share the cores
    return CheckpointReader(folder)


@dataclass(frozen=True)
class OpenParser:
    """Makes a parser in a worker, once per process; picklable.

    Attributes:
        folder: the checkpoint's folder, which every worker must see.
        content: its hash, so that another checkpoint in the same place is another parser.
    """

    folder: Path
    content: str

    def __call__(self) -> CheckpointReader:
        """Return what reads overlays."""
        return _cached_reader(self.folder, self.content)
