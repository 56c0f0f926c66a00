"""Input Overlay presets: a JSON layout and a PNG atlas (github.com/univrsal/input-overlay, plugin 5.x).

An element draws the rectangle `mapping` = [u, v, w, h] of the atlas at `pos`; its other looks stand beside that one,
3 px apart. Elements are drawn in the order of the list, `z_level` is not used. Keyboard and mouse elements are left
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
    read_rgba,
    slug,
    sprite,
    stick_area,
)
from ops.skins.template import Pixels

_BORDER_PX = 3
#: A trigger that is drawn as a button is down from here on.
_TRIGGER_BUTTON = 0.1
_TEXTURE, _BUTTON, _STICK, _TRIGGER, _GUIDE, _DPAD = 0, 2, 5, 6, 7, 8
_FILL: dict[int, TriggerMode] = {1: "fill_up", 2: "fill_down", 3: "fill_left", 4: "fill_right"}
_FACE = ("south", "east", "west", "north")
_CODES = (*_FACE, "back", "guide", "start", "left_thumb", "right_thumb", "left_shoulder", "right_shoulder",
          "dpad_up", "dpad_down", "dpad_left", "dpad_right")  # fmt: skip
#: Codes from here on are those of plugin 4.x, in another order.
_OLD_CODES = 0xEC00
_OLD = {0: "south", 1: "east", 2: "west", 3: "north", 4: "left_shoulder", 5: "right_shoulder", 6: "back", 7: "start",
        9: "left_thumb", 10: "right_thumb", 11: "dpad_left", 12: "dpad_right", 13: "dpad_up",
        14: "dpad_down"}  # fmt: skip
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


def atlases(layout: Path, others: int) -> list[Path]:
    """Return the pictures beside a layout: all of its folder, or those named after it if `others` layouts are there."""
    pictures = sorted(layout.parent.glob("*.png"))
    named = [png for png in pictures if png.stem.startswith(layout.stem)]
    return named if others and named else pictures


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
        extra = {"code": int(item.get("code", -1)), "side": int(item.get("side", 0)),
                 "direction": int(item.get("direction", 1)), "radius": float(item.get("stick_radius", 0)),
                 "as_button": bool(item.get("trigger_mode", False))}  # fmt: skip
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
            skin_id, family, width, height, nothing(), self.controls, self.modes[0] if self.modes else "binary",
            trigger_threshold=_TRIGGER_BUTTON, statics=self.statics, dpad=self.dpad, order=tuple(self.order),
        )  # fmt: skip

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
