"""Where the controls of each pad family are, in fractions of the canvas width, and how much designs vary.

The numbers are read off pictures of the pads and their overlays, by eye. Ranges are drawn as wide as published overlays
differ. Every draw changes all skins after it, so the order of the draws is part of the design.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

Point = tuple[float, float]
#: Centre and half-size.
Place = tuple[Point, Point]

#: What is written on the buttons of each maker's pads.
_XBOX_GLYPHS = {
    "south": "A", "east": "B", "west": "X", "north": "Y", "left_shoulder": "LB", "right_shoulder": "RB",
    "left_trigger": "LT", "right_trigger": "RT",
}  # fmt: skip
_PS_GLYPHS = {
    "south": "cross", "east": "circle", "west": "square", "north": "triangle", "left_shoulder": "L1",
    "right_shoulder": "R1", "left_trigger": "L2", "right_trigger": "R2",
}  # fmt: skip
_SWITCH_GLYPHS = {
    "south": "B", "east": "A", "west": "Y", "north": "X", "left_shoulder": "L", "right_shoulder": "R",
    "left_trigger": "ZL", "right_trigger": "ZR", "back": "minus",
}  # fmt: skip
#: Height of a canvas over its width.
_ASPECT = 0.62
#: Half height of a shoulder button.
_BUMPER_HALF_HEIGHT = 0.017
#: Where a button is from the middle of its group.
_FACE_STEPS = {"north": (0, -1), "south": (0, 1), "west": (-1, 0), "east": (1, 0)}
_DPAD_STEPS = {"dpad_up": (0, -1), "dpad_down": (0, 1), "dpad_left": (-1, 0), "dpad_right": (1, 0)}


@dataclass(frozen=True)
class BodyPart:
    """A rounded rectangle (radius > 0) or a turned ellipse of a pad's hull."""

    centre: Point
    half: Point
    radius: float = 0.0
    angle: float = 0.0


@dataclass(frozen=True)
class Geometry:
    """The places of a pad's controls.

    Attributes:
        aspect: canvas height over width.
        body: the hull; empty for skins without one.
        buttons: centre and half-size of each button.
        sticks: rest centre of each stick.
        glyphs: what is written on a button.
        dpad_centre: of the cross.
        dpad_plate: radius of the ring around it, 0 for none.
        dpad_shape: `cross`, `arrows` or `discs`.
        well_radius: of the ring in which a stick moves.
        cap_radius: of a stick's cap.
        travel: of a stick at full deflection.
        cap_ring: whether a cap has a second ring.
        shoulder_round: corner radius of shoulders and triggers over their half height.
    """

    aspect: float
    body: tuple[BodyPart, ...]
    buttons: dict[str, Place]
    sticks: dict[str, Point]
    glyphs: dict[str, str]
    dpad_centre: Point
    dpad_plate: float = 0.0
    dpad_shape: str = "cross"
    well_radius: float = 0.075
    cap_radius: float = 0.05
    travel: float = 0.025
    cap_ring: bool = False
    shoulder_round: float = 0.5


@dataclass(frozen=True)
class Family:
    """A pad family before variation.

    Attributes:
        left_stick: rest centre.
        right_stick: rest centre.
        dpad: centre of the d-pad.
        face: centre of the face buttons.
        menus: centres of back and start.
        guide: centre of the guide button.
        body: the hull.
        glyphs: what is written on the buttons.
        spread: distance of a face button from the face centre.
    """

    left_stick: Point
    right_stick: Point
    dpad: Point
    face: Point
    menus: tuple[Point, Point]
    guide: Point
    body: tuple[BodyPart, ...]
    glyphs: dict[str, str] = field(default_factory=dict)
    spread: float = 0.062

    def varied(self, rng: np.random.Generator, free: bool) -> Geometry:
        """Return one design of the family: places jittered, sizes and shapes drawn; `free` for skins without a hull."""
        jitter = 0.02 if free else 0.01

        def near(point: Point) -> Point:
            return point[0] + float(rng.uniform(-jitter, jitter)), point[1] + float(rng.uniform(-jitter, jitter))

        dpad, face = near(self.dpad), near(self.face)
        buttons = self._shoulders(rng) | self._menus(rng, near)
        spread = self.spread * float(rng.uniform(0.9, 1.12))
        radius = spread * float(rng.uniform(0.48, 0.66))
        for name, (dx, dy) in _FACE_STEPS.items():
            buttons[name] = ((face[0] + dx * spread, face[1] + dy * spread), (radius, radius))
        shape = str(rng.choice(["cross", "arrows", "discs"], p=[0.6, 0.25, 0.15]))
        reach = float(rng.uniform(0.034, 0.042))
        long = float(rng.uniform(0.018, 0.023))
        wide = float(rng.uniform(0.014, 0.019))
        for name, (dx, dy) in _DPAD_STEPS.items():
            half = (long, wide) if dx else (wide, long)
            buttons[name] = ((dpad[0] + dx * reach, dpad[1] + dy * reach), half if shape != "discs" else (wide, wide))
        well = float(rng.uniform(0.062, 0.082))
        cap = well * float(rng.uniform(0.45, 0.8))
        return Geometry(
            aspect=_ASPECT,
            body=() if free else tuple(_vary_part(part, rng) for part in self.body),
            buttons=buttons,
            sticks={"left_stick": near(self.left_stick), "right_stick": near(self.right_stick)},
            glyphs=self.glyphs if rng.random() < 0.8 else {},
            dpad_centre=dpad,
            dpad_plate=float(rng.choice([0.0, 0.075])),
            dpad_shape=shape,
            well_radius=well,
            cap_radius=cap,
            travel=float(rng.uniform(0.016, max(0.02, well - cap * 0.6))),
            cap_ring=bool(rng.random() < 0.5),
            shoulder_round=float(rng.uniform(0.3, 1.0)),
        )

    def _shoulders(self, rng: np.random.Generator) -> dict[str, Place]:
        half_width = float(rng.uniform(0.06, 0.085))
        x = float(rng.uniform(0.22, 0.27))
        bumper_y = float(rng.uniform(0.1, 0.115))
        trigger_y = float(rng.uniform(0.045, 0.055))
        bumper = (half_width, _BUMPER_HALF_HEIGHT)
        trigger = (half_width * float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.025, 0.034)))
        return {
            "left_trigger": ((x, trigger_y), trigger),
            "right_trigger": ((1 - x, trigger_y), trigger),
            "left_shoulder": ((x, bumper_y), bumper),
            "right_shoulder": ((1 - x, bumper_y), bumper),
        }

    def _menus(self, rng: np.random.Generator, near: Callable[[Point], Point]) -> dict[str, Place]:
        half = (float(rng.uniform(0.016, 0.024)), float(rng.uniform(0.010, 0.016)))
        guide = float(rng.uniform(0.024, 0.034))
        return {
            "back": (near(self.menus[0]), half),
            "start": (near(self.menus[1]), half),
            "guide": (near(self.guide), (guide, guide)),
        }


def _vary_part(part: BodyPart, rng: np.random.Generator) -> BodyPart:
    grow = float(rng.uniform(0.96, 1.05))
    return replace(part, half=(part.half[0] * grow, part.half[1] * grow))


def _hull(width: float, top: float, bottom: float, grip: Point, lean: float, radius: float) -> tuple[BodyPart, ...]:
    """Return a body between `top` and `bottom` with two grips that lean outwards by `lean` degrees."""
    middle = BodyPart((0.5, (top + bottom) / 2), (width / 2, (bottom - top) / 2), radius=radius)
    left = BodyPart((0.5 - width / 2 + grip[0] * 0.6, bottom - 0.02), grip, angle=lean)
    right = BodyPart((0.5 + width / 2 - grip[0] * 0.6, bottom - 0.02), grip, angle=-lean)
    return middle, left, right


_XBOX_BODY = _hull(0.78, 0.13, 0.44, (0.105, 0.18), 18, 0.12)
_PS_BODY = _hull(0.80, 0.14, 0.42, (0.095, 0.19), 14, 0.09)


def _xbox(**changes: object) -> Family:
    """Return the places of an Xbox pad, with changes."""
    family = Family(
        left_stick=(0.27, 0.25),
        right_stick=(0.615, 0.39),
        dpad=(0.385, 0.39),
        face=(0.735, 0.25),
        menus=((0.435, 0.25), (0.565, 0.25)),
        guide=(0.5, 0.175),
        body=_XBOX_BODY,
        glyphs=_XBOX_GLYPHS,
    )
    return replace(family, **changes)  # type: ignore[arg-type]


def _ps(**changes: object) -> Family:
    """Return the places of a PlayStation pad, with changes."""
    family = Family(
        left_stick=(0.375, 0.41),
        right_stick=(0.625, 0.41),
        dpad=(0.245, 0.27),
        face=(0.755, 0.27),
        menus=((0.43, 0.25), (0.57, 0.25)),
        guide=(0.5, 0.35),
        body=_PS_BODY,
        glyphs=_PS_GLYPHS,
    )
    return replace(family, **changes)  # type: ignore[arg-type]


FAMILIES: dict[str, Family] = {
    "xbox_360": _xbox(
        left_stick=(0.26, 0.26), face=(0.74, 0.26), guide=(0.5, 0.25), menus=((0.42, 0.26), (0.58, 0.26))
    ),
    "xbox_one": _xbox(),
    "xbox_series": _xbox(body=_hull(0.76, 0.13, 0.43, (0.11, 0.17), 20, 0.14), menus=((0.44, 0.245), (0.56, 0.245))),
    "ps3": _ps(menus=((0.44, 0.28), (0.56, 0.28)), guide=(0.5, 0.34)),
    "ps4": _ps(menus=((0.36, 0.185), (0.64, 0.185)), guide=(0.5, 0.42)),
    "ps5": _ps(
        menus=((0.345, 0.19), (0.655, 0.19)), guide=(0.5, 0.43), body=_hull(0.8, 0.14, 0.43, (0.12, 0.2), 12, 0.13)
    ),
    "switch": _xbox(
        left_stick=(0.265, 0.26), menus=((0.41, 0.2), (0.59, 0.2)), guide=(0.56, 0.29), glyphs=_SWITCH_GLYPHS,
        body=_hull(0.78, 0.14, 0.45, (0.11, 0.17), 16, 0.1),
    ),
    "generic": _ps(left_stick=(0.36, 0.4), right_stick=(0.64, 0.4), glyphs={}, body=(
        BodyPart((0.5, 0.33), (0.4, 0.2), radius=0.1),)),
}  # fmt: skip
