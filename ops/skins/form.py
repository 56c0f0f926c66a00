"""The internal form of a skin, and drawing it in any pad state, size, place and opacity.

A skin is a body and, per control, an `off` and an `on` sprite. A stick's sprite moves. Importers turn other programs'
skins into this form; the procedural families are drawn in it. Pixels are float32 RGBA with premultiplied alpha in
[0, 1], so that "over" is one multiply-add.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from ops.gamepad import DATASET, STICKS, Floats
from ops.skins.placing import Box, Placed, to_straight
from ops.skins.sampling import antialiased, leaning, mix, spread
from ops.skins.template import ControlArea, Pixels, Template

#: The file in a folder that makes it an imported skin.
SKIN_FILE = "skin.json"
TriggerMode = Literal["binary", "fill_up", "fill_down", "fill_left", "fill_right", "opacity", "slide"]
#: An analog trigger is "pressed" from this travel on.
TRIGGER_PRESSED = 0.5
#: A button's value above this is "pressed".
_PRESSED = 0.5


@dataclass(frozen=True)
class Sprite:
    """A picture at a place on the canvas.

    Attributes:
        rgba: (h, w, 4) float32, premultiplied, in [0, 1].
        x: left edge in canvas pixels.
        y: top edge in canvas pixels.
    """

    rgba: Floats
    x: float
    y: float


@dataclass(frozen=True)
class ControlArt:
    """How one control is drawn.

    Attributes:
        area: where it is; what the reader is told.
        off: what is drawn while it is up (None: nothing).
        on: what is drawn while it is down (None: as `off`); for a stick, while its thumb button is down.
        moved: for a stick, what is drawn while it is off its centre and its thumb button up (None: as `off`).
        mode: for a trigger, how it shows its travel (None: as the skin says).
        slide: for a trigger, by how many canvas pixels (x, y) it moves at full travel.
        tilt_deg: for a stick, by how much its cap leans at full deflection (its picture is foreshortened).
    """

    area: ControlArea
    off: Sprite | None
    on: Sprite | None
    moved: Sprite | None = None
    mode: TriggerMode | None = None
    slide: tuple[float, float] = (0.0, 0.0)
    tilt_deg: float = 0.0


#: The name of the body in a drawing order.
BODY = "body"
#: The name, in a drawing order, of a d-pad that is drawn as a whole.
DPAD = "dpad"


@dataclass(frozen=True)
class Skin:
    """A drawable overlay.

    Attributes:
        skin_id: unique name.
        family: see `Template.family`.
        width: canvas width in pixels.
        height: canvas height in pixels.
        body: what never changes.
        controls: by name, in drawing order; a control that is absent is not drawn by this skin.
        trigger_mode: how analog triggers show their travel.
        dead_zone: smaller stick deflections are drawn as centred.
        round_dead_zone: whether the dead zone is a circle; else it is one per axis.
        trigger_threshold: from which travel on a binary trigger is drawn as down.
        statics: further pictures that never change, by the name that `order` calls them.
        dpad: one picture per direction of a d-pad that is drawn as a whole, in the order of `dpad_direction`;
            `controls` then says where its four buttons are and has no sprites for them. Empty for four buttons.
        order: what is drawn after what: `BODY`, `DPAD`, names of statics and controls; empty for the body, then
            the controls in their order.
    """

    skin_id: str
    family: str
    width: int
    height: int
    body: Sprite
    controls: dict[str, ControlArt]
    trigger_mode: TriggerMode = "binary"
    dead_zone: float = 0.0
    round_dead_zone: bool = False
    trigger_threshold: float = TRIGGER_PRESSED
    statics: dict[str, Sprite] = field(default_factory=dict)
    dpad: tuple[Sprite, ...] = ()
    order: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """What is drawn, the lowest first."""
        return self.order or (BODY, *self.controls)

    @property
    def drawn(self) -> tuple[str, ...]:
        """Names of the controls that this skin shows, sorted; a thumb button only if its press changes the look."""
        return tuple(sorted(self.areas()))

    def areas(self) -> dict[str, ControlArea]:
        """Return where each shown control is; thumb buttons are where their stick is."""
        areas = {name: art.area for name, art in self.controls.items()}
        for stick, thumb in zip(STICKS, ("left_thumb", "right_thumb"), strict=True):
            if thumb not in areas and stick in self.controls and self.controls[stick].on is not None:
                areas[thumb] = areas[stick]
        return areas

    def template(self) -> Template:
        """Return the idle look and the control areas as a template of the canvas' size."""
        renderer = SkinRenderer(self, self.width)
        canvas = renderer.compose(np.zeros(DATASET.num_buttons, np.float32), np.zeros(4, np.float32))
        return Template(self.skin_id, self.family, to_straight(canvas)[: self.height, : self.width], self.areas())


def dpad_direction(up: bool, down: bool, left: bool, right: bool) -> int:
    """Return which of nine d-pad pictures shows a state: 0 none, left, right, up, down, then the four diagonals.

    Up wins over down and right over left, as Input Overlay has it.
    """
    vertical = 1 if up else 2 if down else 0
    horizontal = 2 if right else 1 if left else 0
    return ((0, 1, 2), (3, 5, 6), (4, 7, 8))[vertical][horizontal]


@dataclass
class SkinRenderer:
    """Draws one skin at one place, size and opacity into frames; from one state to the next, only what changes.

    Attributes:
        skin: what to draw.
        width_px: width of the canvas in frame pixels (any positive number; the aspect is kept).
        x: left edge of the canvas in frame pixels (sub-pixel places are honoured).
        y: top edge of the canvas in frame pixels.
        opacity: of the overlay as a whole, in (0, 1].
    """

    skin: Skin
    width_px: float
    x: float = 0.0
    y: float = 0.0
    opacity: float = 1.0
    _placed: dict[tuple[str, bool | int], Placed] = field(init=False, repr=False)
    _blurred: dict[tuple[str, str], Floats] = field(init=False, repr=False)
    _moved: dict[str, tuple[Hashable, Placed | None]] = field(init=False, repr=False)
    _constant: Floats = field(init=False, repr=False)
    _num_constant: int = field(init=False, repr=False)
    _canvas: Floats = field(init=False, repr=False)
    _shown: list[Placed | None] = field(init=False, repr=False)
    _blend: tuple[Floats, Floats] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not self.width_px > 0 or not 0 < self.opacity <= 1:
            raise ValueError(f"width_px must be > 0 and opacity in (0, 1], got {self.width_px} and {self.opacity}")
        self._placed, self._blurred, self._moved = {}, {}, {}
        left, top = int(np.floor(self.x)), int(np.floor(self.y))
        right, bottom = self.x + self.width_px, self.y + self.skin.height * self.scale
        size = (int(np.ceil(bottom)) - top, int(np.ceil(right)) - left)
        for name, sprite in {BODY: self.skin.body, **self.skin.statics}.items():
            self._placed[name, False] = self._place(sprite, (0.0, 0.0)).trimmed()
        self._constant = np.zeros((*size, 4), dtype=np.float32)
        self._num_constant = 0
        for name in self.skin.layers:  # the lowest layers, drawn once
            if name != BODY and name not in self.skin.statics:
                break
            placed = self._placed[name, False]
            placed.lay(self._constant, Box(0, 0, size[1], size[0]))
            self._num_constant += 1
        self._canvas, self._shown = self._constant.copy(), []

    @property
    def scale(self) -> float:
        """Frame pixels per canvas pixel."""
        return self.width_px / self.skin.width

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """(2, 3): canvas (= template) pixels to frame pixels, both with pixel centres at integers + 0.5."""
        return np.array([[self.scale, 0, self.x], [0, self.scale, self.y]])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x, y, w, h) in frame pixels: tight bounds of what the idle overlay draws."""
        x, y, w, h = self.skin.template().drawn_box()
        return self.x + x * self.scale, self.y + y * self.scale, w * self.scale, h * self.scale

    def _place(
        self,
        sprite: Sprite,
        shift: tuple[float, float],
        blurred: Floats | None = None,
        lean: npt.NDArray[np.float64] | None = None,
    ) -> Placed:
        """Resample a sprite, moved by `shift` canvas pixels, leaning about its centre, to the output's pixel grid."""
        import cv2

        scale = self.scale
        source = antialiased(sprite.rgba, scale) if blurred is None else blurred
        left = (self.x % 1) + (sprite.x + shift[0]) * scale
        top = (self.y % 1) + (sprite.y + shift[1]) * scale
        x, y = int(np.floor(left)), int(np.floor(top))
        width = int(np.ceil(left + sprite.rgba.shape[1] * scale)) - x
        height = int(np.ceil(top + sprite.rgba.shape[0] * scale)) - y
        # Pixel centres are at +0.5 on both sides.
        matrix = np.array([[scale, 0, left - x + 0.5 * scale - 0.5], [0, scale, top - y + 0.5 * scale - 0.5]])
        if lean is not None:
            centre = np.array([sprite.rgba.shape[1] - 1, sprite.rgba.shape[0] - 1]) / 2
            matrix[:, 2] += matrix[:, :2] @ (centre - lean @ centre)
            matrix[:, :2] = matrix[:, :2] @ lean
        border = cv2.BORDER_CONSTANT
        warped = cv2.warpAffine(
            source, matrix, (max(width, 1), max(height, 1)), flags=cv2.INTER_LINEAR, borderMode=border
        )
        return Placed(np.asarray(warped, dtype=np.float32), x, y)

    def resampled(self, sprite: Sprite) -> Sprite:
        """Return a sprite of the skin in output pixels."""
        placed = self._place(sprite, (0.0, 0.0))
        return Sprite(placed.rgba, placed.x, placed.y)

    def _control(self, name: str, pressed: bool) -> Placed | None:
        art = self.skin.controls[name]
        sprite = art.on if pressed and art.on is not None else art.off
        if sprite is None:
            return None
        key = (name, pressed)
        if key not in self._placed:
            placed = self._place(sprite, (0.0, 0.0))
            # The two pictures of a trigger are laid over each other in part, so they keep one size.
            self._placed[key] = placed if name.endswith("_trigger") else placed.trimmed()
        return self._placed[key]

    def _stick(self, name: str, pressed: bool, axes: Floats) -> Placed | None:
        art = self.skin.controls[name]
        dead = np.hypot(*axes) if self.skin.round_dead_zone else np.abs(axes)
        axes = np.where(dead < self.skin.dead_zone, 0, axes)
        look, sprite = _stick_look(art, pressed, bool(axes.any()))
        if sprite is None:
            return None
        key = (name, look)
        if key not in self._blurred:
            self._blurred[key] = antialiased(sprite.rgba, self.scale)
        shift = axes * art.area.travel
        lean = leaning(axes, art.tilt_deg) if art.tilt_deg and axes.any() else None
        place = partial(self._place, sprite, (float(shift[0]), float(shift[1])), self._blurred[key], lean)
        return self._as_before(name, (look, *axes.tolist()), place)

    def _as_before(self, name: str, state: Hashable, place: Callable[[], Placed | None]) -> Placed | None:
        """Return what moves or fades as it was placed last, if its state is the same."""
        if name not in self._moved or self._moved[name][0] != state:
            self._moved[name] = state, place()
        return self._moved[name][1]

    def _dpad(self, buttons: Floats) -> Placed:
        up, down, left, right = (
            bool(buttons[DATASET.index(f"dpad_{name}")] > _PRESSED) for name in ("up", "down", "left", "right")
        )
        direction = dpad_direction(up, down, left, right)
        if (DPAD, direction) not in self._placed:
            self._placed[DPAD, direction] = self._place(self.skin.dpad[direction], (0.0, 0.0)).trimmed()
        return self._placed[DPAD, direction]

    def compose(self, buttons: Floats, sticks: Floats, triggers: Floats | None = None) -> Floats:
        """Return the overlay in a pad state: (height, width, 4) premultiplied, at full opacity.

        Args:
            buttons: (17,) in the `DATASET` layout; above .5 is pressed, NaN is drawn as released.
            sticks: (4,) in the order of `AXES`, NaN is drawn as centred.
            triggers: (2,) travel in [0, 1] of left and right; None takes the buttons.
        """
        self._show(buttons, sticks, triggers)
        return self._canvas.copy()

    def _show(self, buttons: Floats, sticks: Floats, triggers: Floats | None) -> None:
        """Bring the canvas to a pad state: the boxes of the layers that differ from the last one are drawn anew."""
        axes = np.nan_to_num(np.asarray(sticks, dtype=np.float32))
        names = self.skin.layers[self._num_constant :]
        before, self._shown = self._shown, [self._layer(name, buttons, axes, triggers) for name in names]
        if not before:
            self._redraw(Box(0, 0, self._canvas.shape[1], self._canvas.shape[0]))
        for old, new in zip(before, self._shown, strict=False):
            if old is not new:
                changed = [placed.box for placed in (old, new) if placed is not None]
                if len(changed) == 2 and changed[0].overlaps(changed[1]):
                    changed = [changed[0].join(changed[1])]
                for box in changed:
                    self._redraw(box)

    def _redraw(self, box: Box) -> None:
        box = box.meet(Box(0, 0, self._canvas.shape[1], self._canvas.shape[0]))
        if box.empty:
            return
        self._canvas[box.slices] = self._constant[box.slices]
        for placed in self._shown:
            if placed is not None and placed.box.overlaps(box):
                placed.lay(self._canvas, box)
        if self._blend is not None:
            for whole, part in zip(self._blend, self._blended(box), strict=True):
                whole[box.slices] = part

    def _blended(self, box: Box) -> tuple[Floats, Floats]:
        """Return the canvas in a box as `mix` wants it."""
        import cv2

        canvas = self._canvas[box.slices]
        keep = spread(1 - canvas[..., 3] * np.float32(self.opacity), 3)
        return keep, np.asarray(cv2.cvtColor(canvas, cv2.COLOR_RGBA2RGB)) * np.float32(255 * self.opacity)

    def _layer(self, name: str, buttons: Floats, axes: Floats, triggers: Floats | None) -> Placed | None:
        if name == BODY or name in self.skin.statics:
            return self._placed[name, False]
        if name == DPAD:
            return self._dpad(buttons)
        if name in STICKS:
            index = STICKS.index(name)
            thumb = bool(buttons[DATASET.index(("left_thumb", "right_thumb")[index])] > _PRESSED)
            return self._stick(name, thumb, axes[2 * index : 2 * index + 2])
        pressed = bool(buttons[DATASET.index(name)] > _PRESSED)
        if name.endswith("_trigger") and (triggers is not None or self._mode(name) == "slide"):
            travel = float(pressed) if triggers is None else float(triggers[0 if name.startswith("left") else 1])
            return self._as_before(name, travel, partial(self._trigger, name, travel))
        return self._control(name, pressed)

    def _mode(self, name: str) -> TriggerMode:
        return self.skin.controls[name].mode or self.skin.trigger_mode

    def _trigger(self, name: str, travel: float) -> Placed | None:
        mode = self._mode(name)
        if mode == "slide":
            art = self.skin.controls[name]
            sprite = art.on if travel > 0 and art.on is not None else art.off
            return self._place(sprite, (art.slide[0] * travel, art.slide[1] * travel)) if sprite is not None else None
        if mode == "binary" or travel <= 0 or travel >= 1:
            return self._control(name, travel > 0 if mode != "binary" else travel >= self.skin.trigger_threshold)
        off, on = self._control(name, False), self._control(name, True)
        if on is None:
            return off
        if off is None:
            off = Placed(np.zeros_like(on.rgba), on.x, on.y)
        if off.rgba.shape != on.rgba.shape:
            return on
        if mode == "opacity":
            return Placed(off.rgba * (1 - travel) + on.rgba * travel, on.x, on.y)
        filled = off.rgba.copy()
        part = _filled_part(mode, filled.shape[0], filled.shape[1], travel)
        filled[part] = on.rgba[part]
        return Placed(filled, on.x, on.y)

    def draw(self, frame: Pixels, buttons: Floats, sticks: Floats, triggers: Floats | None = None) -> None:
        """Draw the overlay in a pad state (see `compose`) into an RGB frame (h, w, 3) uint8, in place, clipped."""
        self._show(buttons, sticks, triggers)
        height, width = self._canvas.shape[:2]
        if self._blend is None:
            self._blend = self._blended(Box(0, 0, width, height))
        x, y = int(np.floor(self.x)), int(np.floor(self.y))
        seen = Box(x, y, x + width, y + height).meet(Box(0, 0, frame.shape[1], frame.shape[0]))
        if not seen.empty:
            keep, light = (whole[seen.moved(-x, -y).slices] for whole in self._blend)
            mix(frame[seen.slices], keep, light)


def _filled_part(mode: TriggerMode, height: int, width: int, travel: float) -> tuple[slice, slice]:
    """Return which rows and columns of a trigger's picture show it as pulled."""
    rows, columns = round(height * travel), round(width * travel)
    if mode in ("fill_left", "fill_right"):
        return slice(None), slice(width - columns, None) if mode == "fill_left" else slice(0, columns)
    return slice(height - rows, None) if mode == "fill_up" else slice(0, rows), slice(None)


def _stick_look(art: ControlArt, pressed: bool, moved: bool) -> tuple[str, Sprite | None]:
    if pressed and art.on is not None:
        return "on", art.on
    return ("moved", art.moved) if moved and art.moved is not None else ("off", art.off)
