"""Input Overlay presets: a JSON layout and a PNG atlas (github.com/univrsal/input-overlay, plugin 5.x).

An element draws the rectangle `mapping` = [u, v, w, h] of the atlas at `pos`; its other looks stand beside that one,
3 px apart. Elements are drawn in the order of the list, `z_level` is not used. Keyboard and mouse elements are left
out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ops.outcomes import BadInputError
from ops.skins.form import DPAD, ControlArt, Skin, Sprite, TriggerMode
from ops.skins.importers.common import (
    NO_AREA,
    face_positions,
    family_of,
    finished,
    layered,
    nothing,
    read_json,
    read_rgba,
    slug,
    sprite,
    stick_area,
)
from ops.skins.template import Pixels

#: Pixels between the looks of an element in the atlas.
_BORDER_PX = 3
#: A trigger that is drawn as a button is down from here on.
_TRIGGER_BUTTON = 0.1
#: Types of elements, as the plugin numbers them; keyboard and mouse have the others.
_TEXTURE = 0
_BUTTON = 2
_STICK = 5
_TRIGGER = 6
_GUIDE = 7
_DPAD = 8
#: What a layout of plugin 4.x holds, and in how many bytes it is looked for.
_OLD_LAYOUT = re.compile(rb"overlay_width\s*=", re.IGNORECASE)
_MAX_INI_BYTES = 1 << 20
#: Names that share fewer letters at their ends have them by chance.
_LEAST_SHARED = 3
_FILL: dict[int, TriggerMode] = {1: "fill_up", 2: "fill_down", 3: "fill_left", 4: "fill_right"}
_FACE = ("south", "east", "west", "north")
#: Buttons by SDL's codes.
_CODES = (
    *_FACE, "back", "guide", "start", "left_thumb", "right_thumb", "left_shoulder", "right_shoulder",
    "dpad_up", "dpad_down", "dpad_left", "dpad_right",
)  # fmt: skip
#: Codes from here on are those of plugin 4.x, in another order.
_OLD_CODES = 0xEC00
_OLD = {
    0: "south", 1: "east", 2: "west", 3: "north", 4: "left_shoulder", 5: "right_shoulder", 6: "back", 7: "start",
    9: "left_thumb", 10: "right_thumb", 11: "dpad_left", 12: "dpad_right", 13: "dpad_up", 14: "dpad_down",
}  # fmt: skip
#: Buttons by what authors of presets call them.
_IDS = {
    "a": "south", "cross": "south", "b": "east", "circle": "east", "x": "west", "square": "west", "y": "north",
    "triangle": "north", "z": "right_shoulder", "select": "back", "back": "back", "minus": "back", "share": "back",
    "start": "start", "plus": "start", "options": "start", "home": "guide", "guide": "guide", "ps": "guide",
    "l1": "left_shoulder", "lb": "left_shoulder", "r1": "right_shoulder", "rb": "right_shoulder",
    "l2": "left_trigger", "lt": "left_trigger", "r2": "right_trigger", "rt": "right_trigger",
    "l3": "left_thumb", "r3": "right_thumb", "dpad-up": "dpad_up", "dpad-down": "dpad_down",
    "dpad-left": "dpad_left", "dpad-right": "dpad_right", "up": "dpad_up", "down": "dpad_down", "left": "dpad_left",
    "right": "dpad_right",
}  # fmt: skip


def is_layout(record: Any) -> bool:
    """Whether a JSON value looks like an Input Overlay preset."""
    return isinstance(record, dict) and isinstance(record.get("elements"), list) and "overlay_width" in record


def is_old_layout(file: Path) -> bool:
    """Whether an `.ini` file is a layout of plugin 4.x."""
    with file.open("rb") as opened:
        return _OLD_LAYOUT.search(opened.read(_MAX_INI_BYTES)) is not None


def layout_beside(picture: Path) -> Path | None:
    """Return a layout that cuts its sprites out of a picture; None if there is none beside it."""
    old = [file for file in _with_suffix(picture.parent, ".ini") if is_old_layout(file)]
    return next((layout for layout in _layouts(picture.parent) if picture in atlases(layout)), next(iter(old), None))


def atlases(layout: Path) -> list[Path]:
    """Return the pictures that belong to a layout.

    A layout that is alone in its folder has all pictures there: they are its colourways. A picture that is alone
    belongs to all layouts. Else a picture belongs to the layouts whose names are most like its own. Pictures that are
    like none are for the layouts that have no other.
    """
    pictures, layouts = _with_suffix(layout.parent, ".png"), _layouts(layout.parent)
    if len(pictures) <= 1 or len(layouts) <= 1:
        return pictures
    owners = {picture: _most_alike(picture, layouts) for picture in pictures}
    own = [picture for picture in pictures if layout in owners[picture]]
    return own or [picture for picture in pictures if not owners[picture]]


def no_atlas(layout: Path) -> str:
    """Return why a layout has no picture, and what to do."""
    if not _with_suffix(layout.parent, ".png"):
        return "no PNG atlas beside the layout; put it into the same folder"
    return "each PNG beside it is named after another layout; name its own after it, or give it a folder of its own"


def _with_suffix(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a folder that end on a suffix in any case, sorted."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == suffix and file.is_file())


def _layouts(folder: Path) -> list[Path]:
    found = []
    for file in _with_suffix(folder, ".json"):
        with suppress(BadInputError):
            found += [file] if is_layout(read_json(file)) else []
    return found


def _most_alike(picture: Path, layouts: list[Path]) -> list[Path]:
    """Return the layouts whose names share the most with a picture's: most of their own letters, then most letters."""
    shared = {layout: _shared_letters(layout.stem.lower(), picture.stem.lower()) for layout in layouts}
    rank = {layout: (count / len(layout.stem), count) for layout, count in shared.items() if count}
    return [layout for layout in rank if rank[layout] == max(rank.values())]


def _same(first: str, second: str) -> int:
    """Return how many letters two texts begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _shared_letters(layout: str, picture: str) -> int:
    """Return how many letters two names share at their start and end; 0 if too few to mean anything."""
    start = _same(layout, picture)
    end = _same(layout[start:][::-1], picture[start:][::-1])
    return start + end if start + end >= min(_LEAST_SHARED, len(layout)) else 0


def import_skin(record: dict[str, Any], layout: Path, atlas: Path) -> Skin:
    """Return the skin of a layout in the colours of an atlas.

    Raises:
        BadInputError: the layout is malformed, the picture cannot be read, or no gamepad control is drawn.
    """
    pixels = read_rgba(atlas)
    builder = _Builder(pixels)
    try:
        width, height = int(record["overlay_width"]), int(record["overlay_height"])
        elements = [_Element.parse(item) for item in record["elements"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"malformed element ({type(error).__name__}: {error}); expected type, pos [x, y], mapping [u, v, w, h]"
        ) from error
    names = _button_names(elements)
    for number, element in enumerate(elements):
        builder.add(number, element, names.get(number))
    words = (layout.parent.name, layout.stem, atlas.stem)
    stem = atlas.stem if atlas.stem.startswith(layout.parent.name) else f"{layout.parent.name}-{atlas.stem}"
    return finished(builder.skin(slug("io", stem), family_of(*words[:2]), width, height))


@dataclass(frozen=True)
class _Element:
    type: int
    id: str
    pos: tuple[float, float]
    mapping: tuple[int, int, int, int]
    extra: dict[str, Any]

    @classmethod
    def parse(cls, item: dict[str, Any]) -> _Element:
        u, v, w, h = (int(value) for value in item["mapping"])
        x, y = (float(value) for value in item["pos"])
        extra = {
            "code": int(item.get("code", -1)),
            "side": int(item.get("side", 0)),
            "direction": int(item.get("direction", 1)),
            "radius": float(item.get("stick_radius", 0)),
            "as_button": bool(item.get("trigger_mode", False)),
        }
        return cls(int(item["type"]), str(item.get("id", "")), (x, y), (u, v, w, h), extra)

    @property
    def centre(self) -> tuple[float, float]:
        return self.pos[0] + self.mapping[2] / 2, self.pos[1] + self.mapping[3] / 2


def _button_names(elements: list[_Element]) -> dict[int, str]:
    """Return the control of each button element by its number; faces by where they are drawn.

    Codes that most ids contradict are stale (presets made before the plugin used SDL's): then the ids decide.
    """
    buttons = {number: element for number, element in enumerate(elements) if element.type == _BUTTON}
    by_code, by_id = {}, {}
    for number, element in buttons.items():
        code = element.extra["code"]
        old = code >= _OLD_CODES
        name = _OLD.get(code - _OLD_CODES) if old else _CODES[code] if 0 <= code < len(_CODES) else None
        label = _IDS.get(slug(element.id))
        if old and label is not None:
            name = label
        if name is not None:
            by_code[number] = name
        if label is not None:
            by_id[number] = label
    contradicted = sum(by_code.get(number) != name for number, name in by_id.items())
    names = by_id if contradicted > len(by_id) / 2 else by_code
    faces = {str(number): name for number, name in names.items() if name in _FACE}
    centres = {key: buttons[int(key)].centre for key in faces}
    return names | {int(key): name for key, name in face_positions(faces, centres).items()}


@dataclass
class _Builder:
    """Collects what the elements draw, in order."""

    atlas: Pixels
    controls: dict[str, ControlArt] = field(default_factory=dict)
    statics: dict[str, Sprite] = field(default_factory=dict)
    dpad: tuple[Sprite, ...] = ()
    order: list[str] = field(default_factory=list)
    modes: list[TriggerMode] = field(default_factory=list)

    def add(self, number: int, element: _Element, button: str | None) -> None:
        draw: dict[int, Callable[[], None]] = {
            _TEXTURE: lambda: self._static(number, element),
            _BUTTON: lambda: self._button(number, element, button),
            _STICK: lambda: self._stick(element),
            _TRIGGER: lambda: self._trigger(element),
            _GUIDE: lambda: self._guide(element),
            _DPAD: lambda: self._whole_dpad(element),
        }
        if element.type in draw:
            draw[element.type]()

    def skin(self, skin_id: str, family: str, width: int, height: int) -> Skin:
        return Skin(
            skin_id,
            family,
            width,
            height,
            nothing(),
            self.controls,
            self.modes[0] if self.modes else "binary",
            trigger_threshold=_TRIGGER_BUTTON,
            statics=self.statics,
            dpad=self.dpad,
            order=tuple(self.order),
        )

    def _cut(self, element: _Element, across: int = 0, down: int = 0) -> Sprite:
        """Return a look of an element: so many cells to the right or below the first; clipped to the atlas."""
        u, v, w, h = element.mapping
        u, v = u + across * (w + _BORDER_PX), v + down * (h + _BORDER_PX)
        picture = np.zeros((max(h, 1), max(w, 1), 4), dtype=np.uint8)
        part = self.atlas[max(v, 0) : max(v + h, 0), max(u, 0) : max(u + w, 0)]
        picture[: part.shape[0], : part.shape[1]] = part
        return sprite(picture, *element.pos)

    def _put(self, name: str, art: ControlArt) -> None:
        if name in self.controls:  # two elements for one control: the first is kept, the second stands still
            self.statics[f"{name} again {len(self.order)}"] = art.off or nothing()
            self.order.append(f"{name} again {len(self.order)}")
            return
        self.controls[name] = art
        self.order.append(name)

    def _static(self, number: int, element: _Element) -> None:
        self.statics[f"texture {number}"] = self._cut(element)
        self.order.append(f"texture {number}")

    def _button(self, number: int, element: _Element, name: str | None) -> None:
        if name is None:  # a touchpad, a paddle: not in the action space
            self._static(number, element)
        else:
            self._put(name, ControlArt(NO_AREA, self._cut(element), self._cut(element, down=1)))

    def _stick(self, element: _Element) -> None:
        side = ("left_stick", "right_stick")[element.extra["side"] == 1]
        area = stick_area(element.extra["radius"])
        self._put(side, ControlArt(area, self._cut(element), self._cut(element, down=1)))

    def _trigger(self, element: _Element) -> None:
        side = ("left_trigger", "right_trigger")[element.extra["side"] == 1]
        off, on = self._cut(element), self._cut(element, down=1)
        mode: TriggerMode = "binary"
        if not element.extra["as_button"]:
            mode = _FILL.get(element.extra["direction"], "fill_up")
            on = layered(off, on)  # the pressed part lies over the released look
        self.modes.append(mode)
        self._put(side, ControlArt(NO_AREA, off, on, mode=mode))

    def _guide(self, element: _Element) -> None:
        idle = self._cut(element, across=1)  # of the first player
        self._put("guide", ControlArt(NO_AREA, idle, layered(self._cut(element, across=4), idle)))

    def _whole_dpad(self, element: _Element) -> None:
        if self.dpad or any(name.startswith("dpad_") for name in self.controls):
            return
        self.dpad = tuple(self._cut(element, across=direction) for direction in range(9))
        for name in ("dpad_up", "dpad_down", "dpad_left", "dpad_right"):
            self.controls[name] = ControlArt(NO_AREA, None, None)
        self.order.append(DPAD)
