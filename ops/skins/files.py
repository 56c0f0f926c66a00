"""Skins on disk. A library folder holds, per skin, its template (`<id>.png`, `<id>.json`) and a folder `<id>/`.

The folder has `skin.json` and one PNG per different sprite; with it the skin can be drawn in any state. The template
alone is what labelling needs.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ops.gamepad import CONTROLS, Floats
from ops.outcomes import BadInputError
from ops.skins.form import SKIN_FILE, ControlArt, Skin, Sprite, TriggerMode
from ops.skins.importers.common import MAX_CANVAS_PX, read_rgba
from ops.skins.shapes import premultiplied
from ops.skins.template import ControlArea, Template
from ops.store.storage import to_json

#: Changes when an older overplay could not read what this one writes.
FORMAT = 1
#: Keeps colours finite where nothing is drawn.
_TINY_ALPHA = 1e-6


def save_skin(skin: Skin, library: Path) -> None:
    """Write a skin and its template into a library folder; what was there under its name is written over."""
    folder = library / skin.skin_id
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    names: dict[bytes, str] = {}

    def keep(sprite: Sprite | None, name: str) -> dict[str, Any] | None:
        if sprite is None:
            return None
        straight = _straight(sprite.rgba)
        key = repr(straight.shape).encode() + straight.tobytes()
        if key not in names:
            names[key] = f"{len(names):02d}-{name}.png"
            _write_png(folder / names[key], straight)
        return {"picture": names[key], "x": sprite.x, "y": sprite.y}

    record = {
        "format": FORMAT,
        "skin_id": skin.skin_id,
        "family": skin.family,
        "width": skin.width,
        "height": skin.height,
        "trigger_mode": skin.trigger_mode,
        "trigger_threshold": skin.trigger_threshold,
        "dead_zone": skin.dead_zone,
        "round_dead_zone": skin.round_dead_zone,
        "order": list(skin.order),
        "body": keep(skin.body, "body"),
        "statics": {name: keep(sprite, "static") for name, sprite in skin.statics.items()},
        "dpad": [keep(sprite, f"dpad-{number}") for number, sprite in enumerate(skin.dpad)],
        "controls": {
            name: {
                "area": asdict(art.area),
                "mode": art.mode,
                "slide": list(art.slide),
                "tilt_deg": art.tilt_deg,
                **{look: keep(getattr(art, look), f"{name}-{look}") for look in ("off", "on", "moved")},
            }
            for name, art in skin.controls.items()
        },
    }
    skin.template().save(library)
    (folder / SKIN_FILE).write_bytes(to_json(record))


def save_imported(loaded: Skin | Template, library: Path, replace: bool = False) -> None:
    """Write an imported skin, or the template that a picture alone is, into a library folder.

    Raises:
        BadInputError: another skin of the library has its name, and `replace` is not given.
    """
    name = loaded.skin_id if isinstance(loaded, Skin) else loaded.template_id
    library.mkdir(parents=True, exist_ok=True)
    if not replace and (library / f"{name}.png").exists():
        with tempfile.TemporaryDirectory(prefix="overplay-skin-") as scratch:
            _save(loaded, Path(scratch))
            if _content(Path(scratch), name) != _content(library, name):
                raise BadInputError(
                    f"{library} has another skin called {name!r}; rename the file or its folder, import into another "
                    "folder, or give --replace to write over it"
                )
    _save(loaded, library)


def _save(loaded: Skin | Template, library: Path) -> None:
    if isinstance(loaded, Skin):
        save_skin(loaded, library)
    else:
        loaded.save(library)


def _content(library: Path, name: str) -> dict[str, bytes]:
    """Return the bytes of all files of a skin by their names."""
    files = [library / f"{name}.png", library / f"{name}.json", *(library / name).glob("*")]
    return {str(file.relative_to(library)): file.read_bytes() for file in files if file.is_file()}


def load_skin(folder: Path) -> Skin:
    """Return the skin in a folder that `save_skin` wrote.

    Raises:
        BadInputError: its `skin.json` is absent or malformed, or a picture cannot be read.
    """
    file = folder / SKIN_FILE
    if not file.is_file():
        raise BadInputError(f"no skin in {folder}: expected {SKIN_FILE}; import one with: overplay skins import PATH")
    try:
        record = json.loads(file.read_bytes())
        if record["format"] != FORMAT:
            raise BadInputError(f"skin {folder.name}: format {record['format']}, expected {FORMAT}; import it again")
        return _skin(record, folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"skin {folder.name}: malformed {SKIN_FILE} ({error!r}); import it again") from error


def imported_skins(library: Path) -> tuple[str, ...]:
    """Return the ids of the skins in a library folder, sorted; none if there is no such folder."""
    return tuple(sorted(file.parent.name for file in library.glob(f"*/{SKIN_FILE}")))


def _skin(record: dict[str, Any], folder: Path) -> Skin:
    def sprite(item: dict[str, Any] | None) -> Sprite | None:
        if item is None:
            return None
        return Sprite(premultiplied(read_rgba(folder / Path(item["picture"]).name)), float(item["x"]), float(item["y"]))

    def certain(item: dict[str, Any]) -> Sprite:
        found = sprite(item)
        if found is None:
            raise ValueError("a picture is null where one is needed")
        return found

    def mode(value: str | None) -> TriggerMode | None:
        if value is not None and value not in get_args(TriggerMode):
            raise ValueError(f"trigger mode {value!r}, expected one of {', '.join(get_args(TriggerMode))}")
        return value  # type: ignore[return-value]

    controls = {
        name: ControlArt(
            ControlArea(**item["area"]),
            sprite(item["off"]),
            sprite(item["on"]),
            sprite(item["moved"]),
            mode(item["mode"]),
            (float(item["slide"][0]), float(item["slide"][1])),
            float(item["tilt_deg"]),
        )
        for name, item in record["controls"].items()
    }
    unknown = sorted(set(controls) - set(CONTROLS))
    width, height = int(record["width"]), int(record["height"])
    if unknown or not (0 < width <= MAX_CANVAS_PX and 0 < height <= MAX_CANVAS_PX):
        raise ValueError(f"controls {unknown} are unknown, or the canvas of {width}x{height} px is out of range")
    return Skin(
        str(record["skin_id"]),
        str(record["family"]),
        width,
        height,
        certain(record["body"]),
        controls,
        mode(record["trigger_mode"]) or "binary",
        float(record["dead_zone"]),
        bool(record["round_dead_zone"]),
        float(record["trigger_threshold"]),
        {name: certain(item) for name, item in record["statics"].items()},
        tuple(certain(item) for item in record["dpad"]),
        tuple(record["order"]),
    )


def _straight(rgba: Floats) -> np.ndarray[Any, np.dtype[np.uint8]]:
    alpha = rgba[..., 3:]
    colour = np.where(alpha > 0, rgba[..., :3] / np.maximum(alpha, _TINY_ALPHA), 0)
    return np.clip(np.concatenate([colour, alpha], axis=-1) * 255 + 0.5, 0, 255).astype(np.uint8)


def _write_png(path: Path, rgba: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    import cv2

    if not cv2.imwrite(str(path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA)):
        raise OSError(f"could not write {path}")
