"""A small convolutional network from an idle look to one place, size and presence per control.

Shape suffixes: B batch, K controls (`ops.gamepad.CONTROLS`), H and W input pixels, h and w map pixels (a half).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy.ndimage import center_of_mass
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ops.gamepad import CONTROLS
from ops.outcomes import BadInputError
from ops.skins.template import ControlArea, Pixels, Template

#: Input height; a template's drawn part is fitted into the input, its aspect kept.
HEIGHT_PX: Final = 112
#: Input width.
WIDTH_PX: Final = 176
#: Room around the drawn part on each side, as a share of it.
_MARGIN: Final = 0.04
#: Probability from which a control counts as drawn.
_PRESENT: Final = 0.5
#: Input pixels per map pixel.
_STRIDE: Final = 2
#: A centre is the mean over so many map pixels on each side of the peak. Not measured.
_PEAK_REACH: Final = 2
#: Grey under transparent parts, of 255: the middle.
_UNDER: Final = 128
#: Standard deviation of the blur that keeps a shrunk look from aliasing, in input pixels. Chosen by eye.
_SHRINK_BLUR_PX: Final = 0.4
#: Areas are kept to hundredths of a template pixel.
_AREA_DIGITS: Final = 2
#: Characters of a loader's error that are shown.
_ERROR_CHARS: Final = 300
#: The checkpoint that a clone has.
SHIPPED: Final = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class FinderConfig:
    """The network's shape.

    Attributes:
        widths: channels at a half, a quarter, an eighth and a sixteenth of the resolution.
    """

    widths: tuple[int, ...] = (24, 40, 64, 96)


class FinderOutput(NamedTuple):
    """What the network says of a batch of looks.

    Attributes:
        places: (B, K, h, w) scores of where each control's centre is.
        sizes: (B, 2K, h, w) logarithm of half width and half height, in input pixels, read at the centre.
        present: (B, K) logits of being drawn at all.
    """

    places: Tensor
    sizes: Tensor
    present: Tensor


def _block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ControlFinder(nn.Module):
    """Encoder, wide-view bottleneck, decoder to half resolution."""

    def __init__(self, config: FinderConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth, sixteenth = config.widths
        self.stem = _block(4, half, 2)
        self.quarter = nn.Sequential(_block(half, quarter, 2), _block(quarter, quarter))
        self.eighth = nn.Sequential(_block(quarter, eighth, 2), _block(eighth, eighth))
        self.sixteenth = nn.Sequential(
            _block(eighth, sixteenth, 2), _block(sixteenth, sixteenth, dilation=2), _block(sixteenth, sixteenth)
        )
        self.context = nn.Linear(sixteenth, sixteenth)
        self.up = nn.ModuleList(
            [_block(sixteenth + eighth, eighth), _block(eighth + quarter, quarter), _block(quarter + half, 2 * half)]
        )
        self.head = nn.Conv2d(2 * half, 3 * len(CONTROLS), 1)
        self.present = nn.Linear(sixteenth, len(CONTROLS))

    def forward(self, looks: Tensor) -> FinderOutput:
        """Return scores for looks (B, 4, H, W) in [0, 1], RGB over gray and alpha."""
        half = self.stem(looks * 2 - 1)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        deep = self.sixteenth(eighth)
        pooled = deep.mean(dim=(2, 3))
        deep = deep + self.context(pooled)[:, :, None, None]
        for block, skip in zip(self.up, (eighth, quarter, half), strict=True):
            grown = F.interpolate(deep, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            deep = block(torch.cat([grown, skip], dim=1))
        maps = self.head(deep)
        count = len(CONTROLS)
        return FinderOutput(maps[:, :count], maps[:, count:], self.present(pooled))


@dataclass(frozen=True)
class Fitting:
    """How a template's pixels became the network's: input = template * scale + shift."""

    scale: float
    shift: tuple[float, float]


def fit_look(template: Template) -> tuple[Pixels, Fitting]:
    """Return the (H, W, 4) uint8 input for a template, and how its pixels map to it."""
    import cv2

    x, y, w, h = template.drawn_box()
    scale = min(WIDTH_PX / (w * (1 + 2 * _MARGIN)), HEIGHT_PX / (h * (1 + 2 * _MARGIN)))
    shift = (WIDTH_PX / 2 - scale * (x + w / 2), HEIGHT_PX / 2 - scale * (y + h / 2))
    alpha = template.rgba[..., 3:].astype(np.float32)
    sharp = np.concatenate([template.rgba[..., :3] * (alpha / 255), alpha], axis=-1).astype(np.float32)
    smooth = cv2.GaussianBlur(sharp, (0, 0), _SHRINK_BLUR_PX / scale) if scale < 1 else sharp
    centres = np.array([[scale, 0, shift[0] + scale / 2 - 0.5], [0, scale, shift[1] + scale / 2 - 0.5]])
    small = cv2.warpAffine(smooth, centres, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR)
    colour = small[..., :3] + _UNDER * (1 - small[..., 3:] / 255)
    look = np.clip(np.concatenate([colour, small[..., 3:]], axis=-1) + 0.5, 0, 255).astype(np.uint8)
    return look, Fitting(scale, shift)


def find_controls(model: ControlFinder, template: Template) -> dict[str, ControlArea]:
    """Return where the network sees controls in a template, in template pixels; travel is not known (0)."""
    look, fitting = fit_look(template)
    with torch.inference_mode():
        output = model(torch.from_numpy(look).permute(2, 0, 1)[None].float() / 255)
    places = output.places[0].numpy()
    sizes = output.sizes[0].reshape(2, len(CONTROLS), *places.shape[1:]).exp().numpy()
    present = output.present[0].sigmoid().numpy()
    areas = {}
    for index, control in enumerate(CONTROLS):
        if present[index] < _PRESENT:
            continue
        row, column = np.unravel_index(int(places[index].argmax()), places[index].shape)
        cx, cy = _centre(places[index], int(row), int(column))
        half_width, half_height = (float(value) / fitting.scale for value in sizes[:, index, row, column])
        centre = ((cx - fitting.shift[0]) / fitting.scale, (cy - fitting.shift[1]) / fitting.scale)
        areas[control] = ControlArea(*(round(v, _AREA_DIGITS) for v in (*centre, half_width, half_height)))
    for thumb, stick in (("left_thumb", "left_stick"), ("right_thumb", "right_stick")):
        if thumb in areas and stick in areas:  # a thumb button is its stick's cap
            areas[thumb] = areas[stick]
    return areas


def _centre(scores: npt.NDArray[np.float32], row: int, column: int) -> tuple[float, float]:
    """Return x, y in input pixels: the mean place of the scores' mass around their peak."""
    top, left = max(row - _PEAK_REACH, 0), max(column - _PEAK_REACH, 0)
    mass = np.exp(scores[top : row + _PEAK_REACH + 1, left : column + _PEAK_REACH + 1] - scores[row, column])
    mean_row, mean_column = center_of_mass(mass)
    return float((left + mean_column + 0.5) * _STRIDE), float((top + mean_row + 0.5) * _STRIDE)


def save_finder(model: ControlFinder, folder: Path) -> None:
    """Write `model.safetensors` and `config.json` into a folder."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(model.config), indent=1) + "\n")


def load_finder(folder: Path = SHIPPED) -> ControlFinder:
    """Return the network in a checkpoint folder, in eval mode.

    Raises:
        BadInputError: a file is missing or does not fit.
    """
    try:
        fields = json.loads((folder / "config.json").read_text())
        model = ControlFinder(FinderConfig(widths=tuple(fields["widths"])))
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise BadInputError(f"control finder {folder}: {' '.join(str(error).split())[:_ERROR_CHARS]}") from error
    return model.eval()
