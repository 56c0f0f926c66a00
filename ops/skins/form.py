"""The internal form of a skin, and drawing it in any pad state, size, place and opacity.

A skin is a body and, per control, an `off` and an `on` sprite; a stick's sprite moves. Importers turn other
programs' skins into this form, the procedural families are born in it. Pixels are float32 RGBA with premultiplied
alpha in [0, 1], so that "over" is one multiply-add.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from ops.gamepad import DATASET, STICKS, Floats
from ops.skins.sampling import antialiased, leaning
from ops.skins.template import DRAWN_ALPHA, ControlArea, Pixels, Template

TriggerMode = Literal["binary", "fill_up", "fill_down", "fill_left", "fill_right", "opacity", "slide"]
#: An analog trigger is "pressed" from here on.
TRIGGER_PRESSED = 0.5


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


#: Names in a drawing order that are no control.
BODY, DPAD = "body", "dpad"


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
        return Template(self.skin_id, self.family, _to_straight(canvas)[: self.height, : self.width], self.areas())


def _to_straight(premultiplied: Floats) -> Pixels:
    alpha = premultiplied[..., 3:]
    colour = np.where(alpha > 0, premultiplied[..., :3] / np.maximum(alpha, 1e-6), 0)
    return np.clip(np.concatenate([colour, alpha], axis=-1) * 255 + 0.5, 0, 255).astype(np.uint8)


def over(canvas: Floats, sprite: Floats, x: int, y: int) -> None:
    """Composite a premultiplied sprite over a premultiplied canvas, in place, clipped to the canvas."""
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + sprite.shape[0], canvas.shape[0]), min(x + sprite.shape[1], canvas.shape[1])
    if bottom <= top or right <= left:
        return
    part = sprite[top - y : bottom - y, left - x : right - x]
    region = canvas[top:bottom, left:right]
    region *= 1 - part[..., 3:]
    region += part


def dpad_direction(up: bool, down: bool, left: bool, right: bool) -> int:
    """Return which of nine d-pad pictures shows a state: 0 none, left, right, up, down, then the four diagonals.

    Up wins over down and right over left, as Input Overlay has it.
    """
    vertical = 1 if up else 2 if down else 0
    horizontal = 2 if right else 1 if left else 0
    return ((0, 1, 2), (3, 5, 6), (4, 7, 8))[vertical][horizontal]


@dataclass(frozen=True)
class _Placed:
    """A sprite resampled to output pixels."""

    rgba: Floats
    x: int
    y: int

    def trimmed(self) -> _Placed:
        """Return it without the rows and columns at its edges in which nothing is drawn."""
        rows, columns = (np.flatnonzero(self.rgba[..., 3].any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return _Placed(self.rgba[:1, :1], self.x, self.y)
        part = self.rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return _Placed(part, self.x + int(columns[0]), self.y + int(rows[0]))


@dataclass
class SkinRenderer:
    """Draws one skin at one place, size and opacity into frames.

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
    _placed: dict[tuple[str, bool | int], _Placed] = field(init=False, repr=False)
    _blurred: dict[tuple[str, str], Floats] = field(init=False, repr=False)
    _size: tuple[int, int] = field(init=False, repr=False)
    _constant: Floats = field(init=False, repr=False)
    _num_constant: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.width_px > 0 or not 0 < self.opacity <= 1:
            raise ValueError(f"width_px must be > 0 and opacity in (0, 1], got {self.width_px} and {self.opacity}")
        self._placed, self._blurred = {}, {}
        left, top = int(np.floor(self.x)), int(np.floor(self.y))
        right, bottom = self.x + self.width_px, self.y + self.skin.height * self.scale
        self._size = (int(np.ceil(right)) - left, int(np.ceil(bottom)) - top)
        for name, sprite in {BODY: self.skin.body, **self.skin.statics}.items():
            self._placed[name, False] = self._place(sprite, (0.0, 0.0)).trimmed()
        self._constant = np.zeros((self._size[1], self._size[0], 4), dtype=np.float32)
        self._num_constant = 0
        for name in self.skin.layers:  # the lowest layers, drawn once
            if name != BODY and name not in self.skin.statics:
                break
            placed = self._placed[name, False]
            over(self._constant, placed.rgba, placed.x, placed.y)
            self._num_constant += 1

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
    ) -> _Placed:
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
        return _Placed(np.asarray(warped, dtype=np.float32), x, y)

    def resampled(self, sprite: Sprite) -> Sprite:
        """Return a sprite of the skin in output pixels."""
        placed = self._place(sprite, (0.0, 0.0))
        return Sprite(placed.rgba, placed.x, placed.y)

    def _control(self, name: str, pressed: bool) -> _Placed | None:
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

    def _stick(self, name: str, pressed: bool, axes: Floats) -> _Placed | None:
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
        return self._place(sprite, (float(shift[0]), float(shift[1])), self._blurred[key], lean)

    def _dpad(self, buttons: Floats) -> _Placed:
        up, down, left, right = (
            bool(buttons[DATASET.index(f"dpad_{name}")] > 0.5) for name in ("up", "down", "left", "right")
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
        canvas = self._constant.copy()
        axes = np.nan_to_num(np.asarray(sticks, dtype=np.float32))
        for name in self.skin.layers[self._num_constant :]:
            placed = self._layer(name, buttons, axes, triggers)
            if placed is not None:
                over(canvas, placed.rgba, placed.x, placed.y)
        return canvas

    def _layer(self, name: str, buttons: Floats, axes: Floats, triggers: Floats | None) -> _Placed | None:
        if name == BODY or name in self.skin.statics:
            return self._placed[name, False]
        if name == DPAD:
            return self._dpad(buttons)
        if name in STICKS:
            index = STICKS.index(name)
            thumb = bool(buttons[DATASET.index(("left_thumb", "right_thumb")[index])] > 0.5)
            return self._stick(name, thumb, axes[2 * index : 2 * index + 2])
        pressed = bool(buttons[DATASET.index(name)] > 0.5)
        if name.endswith("_trigger"):
            if triggers is not None:
                return self._trigger(name, float(triggers[0 if name.startswith("left") else 1]))
            if self._mode(name) == "slide":
                return self._trigger(name, float(pressed))
        return self._control(name, pressed)

    def _mode(self, name: str) -> TriggerMode:
        return self.skin.controls[name].mode or self.skin.trigger_mode

    def _trigger(self, name: str, travel: float) -> _Placed | None:
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
            off = _Placed(np.zeros_like(on.rgba), on.x, on.y)
        if off.rgba.shape != on.rgba.shape:
            return on
        if mode == "opacity":
            return _Placed(off.rgba * (1 - travel) + on.rgba * travel, on.x, on.y)
        filled = off.rgba.copy()
        part = _filled_part(mode, filled.shape[0], filled.shape[1], travel)
        filled[part] = on.rgba[part]
        return _Placed(filled, on.x, on.y)

    def draw(self, frame: Pixels, buttons: Floats, sticks: Floats, triggers: Floats | None = None) -> None:
        """Draw the overlay in a pad state (see `compose`) into an RGB frame (h, w, 3) uint8, in place, clipped."""
        canvas = self.compose(buttons, sticks, triggers)
        x, y = int(np.floor(self.x)), int(np.floor(self.y))
        top, left = max(y, 0), max(x, 0)
        bottom, right = min(y + canvas.shape[0], frame.shape[0]), min(x + canvas.shape[1], frame.shape[1])
        if bottom <= top or right <= left:
            return
        part = canvas[top - y : bottom - y, left - x : right - x]
        region = frame[top:bottom, left:right].astype(np.float32)
        region *= 1 - part[..., 3:] * np.float32(self.opacity)
        region += part[..., :3] * np.float32(255 * self.opacity)
        region += np.float32(0.5)
        frame[top:bottom, left:right] = np.minimum(region, 255).astype(np.uint8)


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


def is_drawn(rgba: Floats) -> npt.NDArray[np.bool_]:
    """Return where a premultiplied picture shows anything that counts as drawn."""
    return np.asarray(rgba[..., 3] > DRAWN_ALPHA)
