"""From pictures of an HTML skin's states to sprites: what a press changes becomes that control's sprite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ops.gamepad import STICKS, Floats
from ops.outcomes import BadInputError
from ops.skins.form import BODY, ControlArt, Skin, Sprite, TriggerMode
from ops.skins.importers.browser import Page, State, shoot
from ops.skins.importers.common import NO_AREA, face_positions, finished, stick_area
from ops.skins.template import DRAWN_ALPHA

_FACE = ("south", "east", "west", "north")
_THUMBS = ("left_thumb", "right_thumb")
#: Pixels that differ by less (of 1) are the browser's rounding: two and a half steps of a byte.
_SAME = 2.5 / 255
#: From this alpha on nothing shines through.
_OPAQUE = 0.995
#: So far around a change, in pixels, the opaque look is part of the sprite.
_RIM_PX = 6
#: A change is at least so many pixels wide and high in one place; lines of one pixel are the browser's smoothing.
_BLOCK_PX = 3
#: Caps that differ by less (of 1), at places less than a pixel apart, are one picture.
_SAME_CAP = 0.02
#: Keeps divisions finite where a picture is opaque.
_TINY_ALPHA = 1e-6
#: Looks of each stick: at rest, moved, clicked.
_CAP_LOOKS = 3
#: Parts of a change with less than this share of its strongest part's difference are the browser's too.
_FAINT = 0.1


@dataclass(frozen=True)
class Rules:
    """How a program shows a pad's state with a page.

    Attributes:
        labels: what `press` of the page is given, and which control that is.
        trigger_mode: how triggers show their travel.
        dead_zone: smaller deflections are drawn as centred.
        round_dead_zone: whether the dead zone is a circle.
        tilt_deg: by how much caps lean at full deflection.
    """

    labels: Mapping[str, str]
    trigger_mode: TriggerMode = "binary"
    dead_zone: float = 0.0
    round_dead_zone: bool = False
    tilt_deg: float = 0.0


def import_page(skin_id: str, family: str, page: Page, rules: Rules) -> Skin:
    """Return the skin of a page, drawn once by a browser.

    Raises:
        BadInputError: the browser fails, nothing is drawn, or no gamepad control is.
    """
    labels = list(rules.labels)
    states = [State(sticks="hidden"), *(State((label,), sticks="hidden") for label in labels)]
    thumbs = [next((label for label in labels if rules.labels[label] == thumb), None) for thumb in _THUMBS]
    for index, thumb in enumerate(thumbs):
        states.append(State(sticks=index))
        states.append(State(move=(index, 1.0, 0.0), sticks=index))
        states.append(State((thumb,) if thumb else (), sticks=index))
    looks = _cropped(shoot(page, states), num_caps=_CAP_LOOKS * len(STICKS))
    idle, pressed, caps = looks[0], looks[1 : 1 + len(labels)], looks[1 + len(labels) :]
    names = _named(idle, dict(zip(labels, pressed, strict=True)), rules.labels)
    body, controls = _pressable(idle, {names[label]: look for label, look in zip(labels, pressed, strict=True)})
    for index, stick in enumerate(STICKS):
        rest, moved, clicked = caps[_CAP_LOOKS * index : _CAP_LOOKS * (index + 1)]
        art = _stick(rest, moved, clicked, rules.tilt_deg)
        if art is not None:
            controls[stick] = art
    skin = Skin(skin_id, family, idle.shape[1], idle.shape[0], Sprite(body, 0, 0), controls, rules.trigger_mode)
    return finished(
        replace(
            skin,
            dead_zone=rules.dead_zone,
            round_dead_zone=rules.round_dead_zone,
            order=(BODY, *controls),
        )
    )


def _cropped(looks: list[Floats], num_caps: int) -> list[Floats]:
    """Return pictures cut to what any of them draws, and to where caps come; the last `num_caps` are caps alone."""
    drawn = np.maximum.reduce([look[..., 3] for look in looks]) > DRAWN_ALPHA
    if not drawn.any():
        raise BadInputError("the page draws nothing; its style sheet may need files that are not here")
    for rest, moved in zip(looks[-num_caps::_CAP_LOOKS], looks[-num_caps + 1 :: _CAP_LOOKS], strict=True):
        cap = np.argwhere((rest[..., 3] > DRAWN_ALPHA) | (moved[..., 3] > DRAWN_ALPHA))
        if len(cap):
            (top, left), (bottom, right) = cap.min(axis=0), cap.max(axis=0) + 1
            travel = (right - left) - (np.ptp(np.nonzero((rest[..., 3] > DRAWN_ALPHA).any(axis=0))[0]) + 1)
            drawn[max(top - travel, 0) : bottom + travel, max(left - travel, 0) : right] = True
    rows, columns = np.nonzero(drawn)
    part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return [np.ascontiguousarray(look[part]) for look in looks]


def _named(idle: Floats, pressed: Mapping[str, Floats], labels: Mapping[str, str]) -> dict[str, str]:
    """Return the control of each label; face buttons by where they are drawn."""
    centres = {}
    for label, control in labels.items():
        rows, columns = np.nonzero(_changed(idle, pressed[label]))
        if control in _FACE and len(rows):
            centres[label] = (float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2)
    faces = {label: labels[label] for label in centres}
    return dict(labels) | face_positions(faces, centres)


def _pressable(idle: Floats, pressed: Mapping[str, Floats]) -> tuple[Floats, dict[str, ControlArt]]:
    """Return (the body, art of each control that changes something).

    A pressed look is laid over the body where that gives the right picture. Where it cannot (a translucent part that
    gets lighter), the body is cut out and the control draws both looks.
    """
    body, taken = idle.copy(), np.zeros(idle.shape[:2], dtype=bool)
    controls: dict[str, ControlArt] = {}
    changes = {name: _changed(idle, look) for name, look in pressed.items()}
    for name, look in pressed.items():
        changed = changes[name]
        if not changed.any():
            continue
        layer, cut = _layer(idle, look)
        others = np.logical_or.reduce([other for key, other in changes.items() if key != name])
        changed = changed | (_grown(changed) & ~others & (look[..., 3] >= _OPAQUE))
        cut &= changed & ~taken
        taken |= cut
        body[cut] = 0
        rows, columns = np.nonzero(changed)
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        part = np.s_[top:bottom, left:right]
        on = np.where(cut[..., None], look, layer) * changed[..., None]
        off = Sprite((idle * cut[..., None])[part], float(left), float(top)) if cut.any() else None
        controls[name] = ControlArt(NO_AREA, off, Sprite(on[part].astype(np.float32), float(left), float(top)))
    return body, controls


def _changed(idle: Floats, look: Floats) -> npt.NDArray[np.bool_]:
    """Return where a press changes the picture.

    The browser smooths the same curve or letter a little differently at another place of the sheet. Those are lines
    one pixel wide, or faint beside what the press itself changes.
    """
    import cv2

    difference = np.abs(look - idle).max(axis=-1)
    differs = (difference > _SAME).astype(np.uint8)
    whole = cv2.erode(differs, np.ones((_BLOCK_PX, _BLOCK_PX), np.uint8), borderValue=0)
    num_parts, parts = cv2.connectedComponents(differs, connectivity=8)
    strength = np.bincount(parts.ravel(), weights=difference.ravel(), minlength=num_parts)
    strength[0] = 0
    is_kept = (np.bincount(parts[whole > 0], minlength=num_parts) > 0) & (strength > _FAINT * strength.max())
    return np.asarray(is_kept[parts], dtype=bool)


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return a mask and its surroundings: drawn smaller, a sprite that ends where the change does leaves a rim."""
    import cv2

    kernel = np.ones((2 * _RIM_PX + 1,) * 2, dtype=np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), dtype=bool)


def _layer(idle: Floats, look: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return (what must be laid over `idle` to give `look`, where nothing can)."""
    alpha = np.clip(1 - (1 - look[..., 3:]) / np.maximum(1 - idle[..., 3:], _TINY_ALPHA), -1, 1)
    layer = np.concatenate([look[..., :3] - idle[..., :3] * (1 - alpha), alpha], axis=-1)
    opaque = look[..., 3] >= _OPAQUE
    layer[opaque] = look[opaque]
    wrong = (layer.min(axis=-1) < -_SAME) | (layer[..., :3].max(axis=-1) > layer[..., 3] + _SAME)
    return np.clip(layer, 0, 1).astype(np.float32), wrong & ~opaque


def _stick(rest: Floats, moved: Floats, thumb: Floats, tilt_deg: float) -> ControlArt | None:
    off, away, on = _cap(rest), _cap(moved), _cap(thumb)
    if off is None or away is None:
        return None
    travel = (away.x + away.rgba.shape[1] / 2) - (off.x + off.rgba.shape[1] / 2)
    centred = replace(away, x=away.x - travel)
    return ControlArt(
        area=stick_area(travel),
        off=off,
        on=None if on is None or _alike(on, off) else on,
        moved=None if _alike(centred, off) else centred,
        tilt_deg=tilt_deg,
    )


def _cap(look: Floats) -> Sprite | None:
    rows, columns = np.nonzero(look[..., 3] > DRAWN_ALPHA)
    if not len(rows):
        return None
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    return Sprite(look[top:bottom, left:right], float(left), float(top))


def _alike(first: Sprite, second: Sprite) -> bool:
    return (
        first.rgba.shape == second.rgba.shape
        and abs(first.x - second.x) < 1
        and abs(first.y - second.y) < 1
        and bool(np.abs(first.rgba - second.rgba).max() < _SAME_CAP)
    )
