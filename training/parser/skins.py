"""The skins that the parser learns from: procedural designs, published ones where there are any, and variations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ops.gamepad import STICKS
from ops.labels import atlas
from ops.outcomes import BadInputError
from ops.skins.families import FAMILIES
from ops.skins.files import imported_skins, load_skin
from ops.skins.form import Skin
from ops.skins.procedural import STYLES, make_skin
from ops.skins.template import ControlArea, Pixels, Template
from ops.skins.variation import resized, with_travel

#: Variants below this one are the library's and are kept for evaluation; training draws designs from here on.
FIRST_TRAINING_VARIANT = 100
#: Variants that training draws from.
_NUM_VARIANTS = 400
#: Share of the draws that are published skins, where there are any.
_PUBLISHED = 0.5
#: Published skins wider than this are shrunk to it once; no overlay is drawn larger.
_PUBLISHED_WIDTH = 640
#: How far sticks move, in radii of their caps: published pads have .2 (drawings of real pads) to 1.5.
_TRAVEL_SHARES = (0.12, 1.2)
#: Standard deviation of a control's place as the control finder tells it, in half-sizes of the control. Set by the
#: finder's errors on published skins; how it was measured is not written down.
_FOUND_PLACE_ERROR = 0.12
#: The same for a control's size, as the logarithm of a factor.
_FOUND_SIZE_ERROR = 0.15
#: A place is off by no more than this, in half-sizes of the control.
_MOST_PLACE_ERROR = 0.4
#: Controls whose rough places tell one design from another.
_ANCHORS = ("dpad_up", "left_stick", "left_trigger", "south")
_THUMBS = ("left_thumb", "right_thumb")
#: Middle of the 8-bit range, around which contrast changes.
_MID_GREY = 128
#: Least and greatest factor of the contrast of another colourway. Chosen by eye.
_OTHER_CONTRAST = (0.4, 1.4)
#: Most that each channel of another colourway is raised or lowered by, of 255. Chosen by eye.
_OTHER_LIGHT = 60
#: Procedural skins kept in memory: more than one pool's.
_PROCEDURAL_KEPT = 64
#: Published skins kept in memory: all of a usual library.
_PUBLISHED_KEPT = 200


class DrawnSkin(NamedTuple):
    """A skin and its `atlas.idle_picture`."""

    skin: Skin
    idle: Pixels


class SkinPool:
    """Where a training run's skins come from.

    Args:
        library: folder of imported skins that take half of the draws; empty for procedural ones alone.
        held_out: patterns (`io-ds3*`); skins whose id fits one are left out.

    Raises:
        BadInputError: there is a library, but no skin left in it.
    """

    def __init__(self, library: str, held_out: Sequence[str]) -> None:
        self._library = Path(library)
        self._designs = _published_designs(self._library, held_out) if library else ()

    def choose(self, rng: np.random.Generator) -> str:
        """Return the name of a random skin; each published design is as likely as another, whatever its colours."""
        if self._designs and rng.random() < _PUBLISHED:
            design = self._designs[int(rng.integers(len(self._designs)))]
            return design[int(rng.integers(len(design)))]
        family = str(rng.choice(list(FAMILIES)))
        variant = FIRST_TRAINING_VARIANT + int(rng.integers(_NUM_VARIANTS))
        return f"{family}-{rng.choice(STYLES)}-{variant}"

    def load(self, name: str) -> DrawnSkin:
        """Return a skin that `choose` named."""
        folder = self._library / name
        return _published(folder) if self._designs and folder.is_dir() else _procedural(name)


def _published_designs(library: Path, held_out: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the names of imported skins by design: those whose controls are at about the same places."""
    designs: dict[tuple[object, ...], list[str]] = {}
    for name in imported_skins(library):
        if not any(fnmatchcase(name, pattern) for pattern in held_out):
            template = Template.load(library / f"{name}.png")
            places = (
                (control, *np.round(np.array([area.cx, area.cy]) / template.width, 1))
                for control, area in sorted(template.controls.items())
                if control in _ANCHORS
            )
            designs.setdefault((template.family, *places), []).append(name)
    if not designs:
        raise BadInputError(f"no skins to train on in {library}; import some first: overplay skins import PATH")
    return tuple(tuple(names) for names in designs.values())


@lru_cache(maxsize=_PROCEDURAL_KEPT)
def _procedural(name: str) -> DrawnSkin:
    skin = make_skin(name)
    return DrawnSkin(skin, atlas.idle_picture(skin.template()))


@lru_cache(maxsize=_PUBLISHED_KEPT)
def _published(folder: Path) -> DrawnSkin:
    skin = load_skin(folder)
    skin = resized(skin, _PUBLISHED_WIDTH) if skin.width > _PUBLISHED_WIDTH else skin
    return DrawnSkin(skin, atlas.idle_picture(skin.template()))


def other_travel(rng: np.random.Generator, skin: Skin) -> Skin:
    """Return a skin whose sticks move by a random share of their caps."""
    return with_travel(skin, float(np.exp(rng.uniform(*np.log(_TRAVEL_SHARES)))))


def as_found(rng: np.random.Generator, areas: Mapping[str, ControlArea]) -> dict[str, ControlArea]:
    """Return areas as a control finder tells them: a little off, of a somewhat other size, travel unknown."""
    found = {}
    for name, area in areas.items():
        half = np.array([area.half_width, area.half_height])
        off = np.clip(rng.normal(0, _FOUND_PLACE_ERROR, 2), -_MOST_PLACE_ERROR, _MOST_PLACE_ERROR)
        centre = np.array([area.cx, area.cy]) + off * half
        size = half * np.exp(
            rng.normal(0, _FOUND_SIZE_ERROR) if name in STICKS else rng.normal(0, _FOUND_SIZE_ERROR, 2)
        )
        found[name] = ControlArea(*(float(value) for value in (*centre, *size)))
    for stick, thumb in zip(STICKS, _THUMBS, strict=True):
        if thumb in found and areas[thumb] == areas.get(stick):
            found[thumb] = found[stick]
    return found


def recoloured(rng: np.random.Generator, idle: Pixels) -> Pixels:
    """Return an idle picture (h, w, 4) in other colours, as if the template of another colourway had been matched."""
    colour = idle[..., :3].astype(np.float32)[..., rng.permutation(3)]
    contrast = rng.uniform(*_OTHER_CONTRAST)
    light = rng.uniform(-_OTHER_LIGHT, _OTHER_LIGHT, 3)
    other = (colour - _MID_GREY) * contrast + _MID_GREY + light
    opaque = idle[..., 3:].astype(np.float32) / 255
    mixed = np.clip(other, 0, 255) * opaque + idle[..., :3] * (1 - opaque)
    return np.concatenate([mixed.astype(np.uint8), idle[..., 3:]], axis=-1)
