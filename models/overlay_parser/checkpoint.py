"""A parser on disk, and a parser at work.

A checkpoint is a folder with `model.safetensors` and `config.json` (and a card beside them); nothing is unpickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.overlay_parser.config import ParserConfig
from models.overlay_parser.modeling import OverlayParser, stick_certainty
from ops.gamepad import Floats
from ops.outcomes import BadInputError
from ops.parse import Reading
from ops.skins.template import Pixels

#: The checkpoints that a clone has: for the library's procedural skins, and for published ones (imported or pictures).
SHIPPED = Path(__file__).parent / "shipped"
PUBLISHED = Path(__file__).parent / "published"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


def find_checkpoint(name: str) -> Path:
    """Return the folder of `shipped`, of `published`, or the folder that is named."""
    return {"shipped": SHIPPED, "published": PUBLISHED}.get(name, Path(name))


def save_parser(model: OverlayParser, folder: Path) -> None:
    """Write a checkpoint's files into a folder."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(asdict(model.config), indent=1, sort_keys=True) + "\n")


def load_parser(folder: Path = SHIPPED) -> OverlayParser:
    """Return the network in a checkpoint, in eval mode.

    Raises:
        BadInputError: a file is missing or does not fit.
    """
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise BadInputError(f"no parser checkpoint in {folder}: {name} is missing; expected {WEIGHTS} and {CONFIG}")
    try:
        fields: dict[str, Any] = json.loads((folder / CONFIG).read_text())
        config = ParserConfig.from_dict(fields)
        model = OverlayParser(config)
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (ValueError, TypeError, AttributeError, RuntimeError, OSError, SafetensorError) as error:
        raise BadInputError(f"parser checkpoint {folder}: {' '.join(str(error).split())[:300]}") from error
    return model.eval()


@dataclass
class ParserPredictor:
    """Reads batches of frame pairs with a network: the predictor that `ops.parse` is handed.

    Attributes:
        model: in eval mode, on its device.
        batch_size: pairs at once.
    """

    model: OverlayParser
    batch_size: int = 64

    def __call__(self, pairs: Pixels, reference: Pixels) -> Reading:
        """Return what is read of pairs (n, 2, H, W, 3), given the reference atlas (H, W, 7) of their video."""
        device = next(self.model.parameters()).device
        parts: list[tuple[Floats, Floats, Floats]] = []
        looks = torch.from_numpy(reference.copy()).to(device)
        for start in range(0, len(pairs), self.batch_size):
            batch = torch.from_numpy(pairs[start : start + self.batch_size]).to(device)
            with torch.inference_mode():
                output = self.model(batch, looks.expand(len(batch), -1, -1, -1))
                certainty = stick_certainty(output.sticks.log_spread)
            parts.append((_numpy(output.button_logits.sigmoid()), _numpy(output.sticks.places), _numpy(certainty)))
        return Reading(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _numpy(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)


def load_predictor(folder: Path = SHIPPED, device: str = "cpu") -> ParserPredictor:
    """Return a predictor with the weights of a checkpoint (see `load_parser`)."""
    return ParserPredictor(load_parser(folder).to(device))


@lru_cache(maxsize=2)
def _cached_predictor(folder: Path, content: str) -> ParserPredictor:
    torch.set_num_threads(1)  # one of several workers that share the cores
    return load_predictor(folder)


@dataclass(frozen=True)
class OpenParser:
    """Makes a parser in a worker, once per process; picklable.

    Attributes:
        folder: the checkpoint's folder, which every worker must see.
        content: its hash, so that another checkpoint in the same place is another parser.
    """

    folder: Path
    content: str

    def __call__(self) -> ParserPredictor:
        """Return the predictor."""
        return _cached_predictor(self.folder, self.content)
