"""What the locator and the reader know of a skin: its idle picture and where its controls are.

On disk a template is `<template_id>.png` (RGBA, idle look) with `<template_id>.json` beside it. A PNG alone is a
template too. Then the family is the file's stem, and nothing is known of its controls.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ops.gamepad import CONTROLS, STICKS
from ops.outcomes import BadInputError
from ops.store.storage import to_json

Pixels = npt.NDArray[np.uint8]

#: Alpha above this is drawn; overlay boxes are the tight bounds of what is drawn.
DRAWN_ALPHA = 0.05
#: Larger pictures are refused: no overlay is, and memory stays small.
_MAX_SIDE_PX = 4096


@dataclass(frozen=True)
class ControlArea:
    """Where a control is, in template pixels.

    Attributes:
        cx: centre x; for a stick the centre of its cap at rest.
        cy: centre y.
        half_width: half of the width of what changes when it is used; for a stick the radius of its cap.
        half_height: the same for the height.
        travel: for a stick, how far the cap moves at full deflection; else 0.
    """

    cx: float
    cy: float
    half_width: float
    half_height: float
    travel: float = 0.0


@dataclass(frozen=True)
class Template:
    """An overlay's idle look and the places of its controls.

    Attributes:
        template_id: unique in a library; the stem of its files.
        family: xbox_360, xbox_one, xbox_series, ps3, ps4, ps5, switch, generic, or what the user says.
        rgba: (height, width, 4) uint8, straight alpha.
        controls: by name (`ops.gamepad.CONTROLS`) those that the skin draws; empty if unknown.
    """

    template_id: str
    family: str
    rgba: Pixels
    controls: dict[str, ControlArea] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Width in template pixels."""
        return int(self.rgba.shape[1])

    @property
    def height(self) -> int:
        """Height in template pixels."""
        return int(self.rgba.shape[0])

    @property
    def known_travel(self) -> bool:
        """Whether it tells how far each stick moves that it draws."""
        return all(self.controls[stick].travel > 0 for stick in STICKS if stick in self.controls)

    def drawn_box(self) -> tuple[float, float, float, float]:
        """Return (x, y, w, h): tight bounds of what is drawn, in template pixels."""
        rows, columns = np.nonzero(self.rgba[..., 3] > DRAWN_ALPHA * 255)
        x, y = float(columns.min()), float(rows.min())
        return x, y, float(columns.max()) + 1 - x, float(rows.max()) + 1 - y

    def save(self, folder: Path) -> None:
        """Write `<template_id>.png` and `<template_id>.json` into a folder."""
        import cv2

        bgra = cv2.cvtColor(self.rgba, cv2.COLOR_RGBA2BGRA)
        if not cv2.imwrite(str(folder / f"{self.template_id}.png"), bgra):
            raise OSError(f"could not write {self.template_id}.png to {folder}")
        (folder / f"{self.template_id}.json").write_bytes(to_json({"family": self.family, "controls": self.controls}))

    @classmethod
    def load(cls, png: Path) -> Template:
        """Return the template in a PNG, with its JSON where there is one.

        Raises:
            BadInputError: the picture cannot be read, is empty or too large, or the JSON is malformed.
        """
        import cv2

        data = np.fromfile(png, dtype=np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            raise BadInputError(f"template {png.name}: not a picture that can be read; give an RGBA PNG")
        if max(image.shape[:2]) > _MAX_SIDE_PX:
            raise BadInputError(f"template {png.name}: {image.shape[1]}x{image.shape[0]} px; at most {_MAX_SIDE_PX}")
        if image.dtype != np.uint8 or image.ndim != 3:
            raise BadInputError(f"template {png.name}: {image.dtype} {image.shape}; give an 8-bit colour PNG")
        rgba = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGBA)
        if not (rgba[..., 3] > DRAWN_ALPHA * 255).any():
            raise BadInputError(f"template {png.name}: nothing is drawn (alpha is 0 everywhere)")
        record = _read_sidecar(png.with_suffix(".json"))
        return cls(png.stem, record["family"] or png.stem, np.asarray(rgba, dtype=np.uint8), record["controls"])


def _read_sidecar(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"family": "", "controls": {}}
    try:
        record = json.loads(path.read_bytes())
        controls = {name: ControlArea(**area) for name, area in record["controls"].items()}
        family = str(record["family"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"template {path.name}: malformed ({error}); expected family and controls") from error
    unknown = sorted(set(controls) - set(CONTROLS))
    if unknown:
        raise BadInputError(f"template {path.name}: unknown controls {unknown}; known are {', '.join(CONTROLS)}")
    return {"family": family, "controls": controls}


def load_library(folder: Path) -> tuple[Template, ...]:
    """Return all templates of a folder, sorted by id.

    Raises:
        BadInputError: the folder has no PNG, or one of them cannot be read (`Template.load`).
    """
    files = sorted(folder.glob("*.png"))
    if not files:
        raise BadInputError(f"no templates in {folder}: expected PNG files with transparency")
    return tuple(Template.load(file) for file in files)
