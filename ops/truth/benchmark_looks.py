"""What makes an overlay hard to find in a benchmark clip: a chroma-key box, a busy HUD, colours of one brightness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ops.overlay.appearance import LUMA
from ops.skins.form import ControlArt, Skin, SkinRenderer, Sprite
from ops.skins.template import Pixels

#: Chroma-key colours: the usual green, magenta and blue.
_KEYS = ((0, 177, 64), (255, 0, 255), (0, 71, 187))
_LUMA_WEIGHTS = np.array(LUMA, dtype=np.float32)
#: Brightness that muted skins have. Chosen by eye, as are the next two.
_MIDDLE = 0.45
#: The share of their contrast in brightness that is left.
_CONTRAST = 0.12
#: How far red and blue are moved apart, dark parts the one way and light ones the other.
_TINT = 0.35
#: Keeps colours finite where nothing is drawn.
_TINY_ALPHA = 1e-6
#: Things that a HUD has, all over the frame.
_HUD_PARTS = 60
#: Room that is left for a part at the right and at the bottom of a frame, in pixels.
_HUD_RIGHT_PX = 60
_HUD_BOTTOM_PX = 20
#: Least brightness of a colour of the HUD, of 255.
_HUD_DARKEST = 40
_HUD_TEXTS = ("HP 100", "AMMO 24/96", "LV 7", "x12", "01:37", "SCORE 004250", "NORTH", "QUEST", "1080", "KILL")


def fill_key(frame: Pixels, renderer: SkinRenderer, seed: int) -> None:
    """Fill the canvas of an overlay with a chroma-key colour, in place: a source whose key filter was not set."""
    left, top = round(renderer.x), round(renderer.y)
    right = round(renderer.x + renderer.width_px)
    bottom = round(renderer.y + renderer.skin.height * renderer.scale)
    frame[top:bottom, left:right] = _KEYS[seed % len(_KEYS)]


def draw_hud(frame: Pixels, rng: np.random.Generator) -> None:
    """Draw bars, frames, texts and a map all over a frame, in place; the same generator draws the same."""
    import cv2

    height, width = frame.shape[:2]
    for _ in range(_HUD_PARTS):
        x, y = int(rng.uniform(0, width - _HUD_RIGHT_PX)), int(rng.uniform(0, height - _HUD_BOTTOM_PX))
        colour = tuple(int(value) for value in rng.integers(_HUD_DARKEST, 256, 3))
        kind = rng.integers(4)
        if kind == 0:
            size = float(rng.uniform(0.4, 0.9))
            cv2.putText(frame, str(rng.choice(_HUD_TEXTS)), (x, y + 18), cv2.FONT_HERSHEY_DUPLEX, size, colour, 1)
        elif kind == 1:
            cv2.rectangle(frame, (x, y), (x + int(rng.uniform(40, 160)), y + int(rng.uniform(6, 16))), colour, -1)
        elif kind == 2:
            cv2.rectangle(frame, (x, y), (x + int(rng.uniform(20, 60)), y + int(rng.uniform(20, 60))), colour, 2)
        else:
            cv2.circle(frame, (x + 20, y + 20), int(rng.uniform(6, 24)), colour, int(rng.choice([-1, 2])))


def muted(skin: Skin) -> Skin:
    """Return the skin with its contrast moved from brightness to colour: dark parts turn blue, light ones orange."""

    def mute(sprite: Sprite) -> Sprite:
        alpha = sprite.rgba[..., 3:]
        colour = sprite.rgba[..., :3] / np.maximum(alpha, _TINY_ALPHA)
        luma = colour @ _LUMA_WEIGHTS
        tint = (luma - 0.5)[..., None] * np.array([1.0, 0.0, -1.0], np.float32) * 2 * _TINT
        tint -= (tint @ _LUMA_WEIGHTS)[..., None]
        flat = _MIDDLE + _CONTRAST * (luma - _MIDDLE)
        even = colour + tint
        even += (flat - even @ _LUMA_WEIGHTS)[..., None]
        return replace(sprite, rgba=np.concatenate([even.clip(0, 1) * alpha, alpha], axis=-1).astype(np.float32))

    def mute_control(art: ControlArt) -> ControlArt:
        off, on, moved = (sprite and mute(sprite) for sprite in (art.off, art.on, art.moved))
        return replace(art, off=off, on=on, moved=moved)

    return replace(
        skin,
        skin_id=f"{skin.skin_id}-muted",
        body=mute(skin.body),
        controls={name: mute_control(art) for name, art in skin.controls.items()},
        statics={name: mute(sprite) for name, sprite in skin.statics.items()},
        dpad=tuple(mute(sprite) for sprite in skin.dpad),
    )
