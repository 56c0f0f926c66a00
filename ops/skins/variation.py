"""Other versions of a skin, for training: of another size, or with sticks that move more or less."""

from __future__ import annotations

from dataclasses import replace

from ops.gamepad import STICKS
from ops.skins.form import ControlArt, Skin, SkinRenderer, Sprite
from ops.skins.template import ControlArea


def resized(skin: Skin, width: int) -> Skin:
    """Return a skin drawn on a canvas `width` pixels wide, its aspect kept."""
    renderer = SkinRenderer(skin, width)
    scale = renderer.scale

    def sprite(old: Sprite | None) -> Sprite | None:
        return None if old is None else renderer.resampled(old)

    def art(old: ControlArt) -> ControlArt:
        area = old.area
        return replace(
            old,
            area=ControlArea(*(scale * v for v in (area.cx, area.cy, area.half_width, area.half_height, area.travel))),
            slide=(old.slide[0] * scale, old.slide[1] * scale),
            off=sprite(old.off),
            on=sprite(old.on),
            moved=sprite(old.moved),
        )

    return replace(
        skin,
        width=width,
        height=max(1, round(skin.height * scale)),
        body=renderer.resampled(skin.body),
        controls={name: art(old) for name, old in skin.controls.items()},
        statics={name: renderer.resampled(old) for name, old in skin.statics.items()},
        dpad=tuple(renderer.resampled(old) for old in skin.dpad),
    )


def with_travel(skin: Skin, share: float) -> Skin:
    """Return a skin whose sticks move by `share` of their cap's radius at full deflection."""
    controls = {
        name: replace(art, area=replace(art.area, travel=share * art.area.half_width)) if name in STICKS else art
        for name, art in skin.controls.items()
    }
    return replace(skin, controls=controls)
