"""Open Joystick Display themes: `theme.json` with styles, each an HTML file, style sheets and inlined SVG.

A button that is down adds the class `active` to the nodes that name it; a stick is placed at 50 % + 50 % of its axis in
its wrapper and is `active` off its centre. The program's own dead zone is .25 per axis; triggers are plain buttons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.outcomes import BadInputError
from ops.skins.form import Skin
from ops.skins.importers.browser import Page, without_scripts
from ops.skins.importers.common import family_of, slug
from ops.skins.importers.html import Rules, import_page

#: The program's own dead zone per axis.
_DEAD_ZONE = 0.25
#: Greatest file of a theme.
_MAX_FILE_BYTES = 8 << 20
#: Width and height of a theme that does not say.
_DEFAULT_SIZE = (800, 600)
#: Buttons by the names that themes use.
_LABELS = {
    "A": "south", "B": "east", "X": "west", "Y": "north", "CROSS": "south", "CIRCLE": "east", "SQUARE": "west",
    "TRIANGLE": "north", "UP": "dpad_up", "DOWN": "dpad_down", "LEFT": "dpad_left", "RIGHT": "dpad_right",
    "L": "left_shoulder", "R": "right_shoulder", "L1": "left_shoulder", "R1": "right_shoulder", "Z": "right_shoulder",
    "L2": "left_trigger", "R2": "right_trigger", "L3": "left_thumb", "R3": "right_thumb", "START": "start",
    "OPTION": "start", "PLUS": "start", "SELECT": "back", "SHARE": "back", "MINUS": "back", "HOME": "guide",
    "XBOX": "guide", "PS": "guide",
}  # fmt: skip
#: One theme spells it so.
_TYPOS = {"TRIANGE": "TRIANGLE"}
_NAMED = re.compile(r"""ojd[-:]button\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_SVG_PLACE = re.compile(r"""(<div\b[^>]*?ojd-svg\s*=\s*["']([^"']+)["'][^>]*>)(\s*</div>)""", re.IGNORECASE)
_PROLOG = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>", re.IGNORECASE | re.DOTALL)
_BOX = re.compile(r"\.theme\s*\{([^}]*)\}")
_SCRIPT = """
const all = (root, query) => Array.from(root.querySelectorAll(query));
function ready(root) {}
function press(root, label) {
  all(root, `[ojd-button="${label}"], [ojd\\\\:button="${label}"]`).forEach(e => e.classList.add("active"));
  if (label === "L2" || label === "R2") all(root, `[ojd-trigger="${label === "L2" ? 0 : 1}"]`).forEach(e => {
    e.classList.add("trigger-active");
    if (e.hasAttribute("ojd-trigger-scale")) e.style.height = "100%";
    if (e.hasAttribute("ojd-trigger-move")) e.style.top = "100%";
  });
}
function stick(root, index) { return all(root, `[ojd-directional="${index}"]`); }
function move(root, index, x, y) {
  stick(root, index).forEach(e => {
    e.style.left = 50 + 50 * x + "%"; e.style.top = 50 + 50 * y + "%"; e.classList.add("active");
  });
}
"""


def is_theme(record: Any) -> bool:
    """Whether a JSON value looks like an Open Joystick Display theme."""
    return isinstance(record, dict) and isinstance(record.get("styles"), list)


def styles(record: dict[str, Any], folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (skin id, style) of a theme."""
    for number, style in enumerate(record["styles"]):
        name = str(style.get("id", number)) if isinstance(style, dict) else str(number)
        yield slug(folder.name if folder.name.startswith("ojd") else f"ojd-{folder.name}", name), style


def import_skin(skin_id: str, style: dict[str, Any], folder: Path) -> Skin:
    """Return the skin of one style of a theme.

    Raises:
        BadInputError: the style is malformed, a file is missing or outside the theme, or no control is drawn.
    """
    if not isinstance(style, dict):
        raise BadInputError(f"malformed style {style!r}; expected an object with id, name and perhaps file, mastercss")
    html = without_scripts(_read(folder, str(style.get("file") or "theme.html")))
    html = _SVG_PLACE.sub(lambda found: found[1] + _svg(folder, found[2]) + found[3], html)
    for wrong, right in _TYPOS.items():
        html = re.sub(rf"""(ojd[-:]button\s*=\s*["']){wrong}(["'])""", rf"\g<1>{right}\g<2>", html)
    root = str(style.get("cssroot") or "")
    sheets = [_inside(folder, root + str(style.get("mastercss") or "theme.css"))]
    own = folder / f"{root}theme-{style.get('id')}.css"
    if own.is_file():
        sheets.append(_inside(folder, f"{root}theme-{style.get('id')}.css"))
    labels = {name: _LABELS[name] for name in sorted(set(_NAMED.findall(html))) if name in _LABELS}
    if "Z" in labels and "R" in labels:  # GameCube pads: R is the trigger there
        labels |= {"L": "left_trigger", "R": "right_trigger"} if "R2" not in labels else {}
    labels = _one_each(labels)
    if {"A", "B"} <= labels.keys() and "nintendo" in skin_id:
        labels |= {"A": "east", "B": "south"} | {k: v for k, v in {"X": "north", "Y": "west"}.items() if k in labels}
        if "gamecube" in skin_id:
            labels |= {"A": "south", "B": "west", "X": "east", "Y": "north"}
    width, height = _size(sheets)
    page = Page(html, tuple(sheets), _SCRIPT, width, height)
    family = family_of(folder.name, str(style.get("id", "")))
    return import_page(skin_id, family, page, Rules(labels, "binary", _DEAD_ZONE))


def _one_each(labels: dict[str, str]) -> dict[str, str]:
    """Return labels without those whose control another label has already."""
    kept: dict[str, str] = {}
    for label, control in labels.items():
        if control not in kept.values():
            kept[label] = control
    return kept


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name.replace("%DIRECTORY%/", "").replace("\\", "/")).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadInputError(f"file {name!r} lies outside the theme; expected a name within it")
    if not path.is_file():
        raise BadInputError(f"file {name!r} is missing; import the theme's whole folder")
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise BadInputError(f"file {name!r} has {path.stat().st_size} bytes; at most {_MAX_FILE_BYTES}")
    return path


def _read(folder: Path, name: str) -> str:
    return _inside(folder, name).read_bytes().decode("utf-8-sig", errors="replace")


def _svg(folder: Path, name: str) -> str:
    return without_scripts(_PROLOG.sub("", _read(folder, name)))


def _size(sheets: list[Path]) -> tuple[int, int]:
    """Return the size of the theme's box as its style sheets say."""
    width, height = _DEFAULT_SIZE
    for sheet in sheets:
        for box in _BOX.findall(sheet.read_text(encoding="utf-8", errors="replace")):
            sizes = dict(re.findall(r"(?<![-\w])(width|height)\s*:\s*(\d+)", box))
            width, height = int(sizes.get("width", width)), int(sizes.get("height", height))
    return width, height
