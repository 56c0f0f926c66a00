"""GamePad Viewer skins: style sheets over a fixed page; two dialects.

`template.html` and `template.css` (e7d/gamepad-viewer): state in `data-pressed` and `data-value`, one skin per
`data-color`; caps travel 25 px and lean 30 degrees. A style sheet with `.controller` rules (custom skins of
gamepadviewer.com): class `pressed`; caps travel 22 px, lean 22 degrees, and rest below a radius of .25. In both, a
trigger's opacity is its travel.
"""

from __future__ import annotations

import re
from pathlib import Path

from ops.outcomes import BadInputError
from ops.skins.form import Skin
from ops.skins.importers.browser import Page, without_scripts
from ops.skins.importers.common import family_of, slug
from ops.skins.importers.html import Rules, import_page

_MAX_FILE_BYTES = 8 << 20
_SIZE = (750, 630)
_NUMBERS = ("south", "east", "west", "north", "left_shoulder", "right_shoulder", "left_trigger", "right_trigger",
            "back", "start", "left_thumb", "right_thumb", "dpad_up", "dpad_down", "dpad_left", "dpad_right",
            "guide")  # fmt: skip
_TEMPLATE_RULES = Rules(
    {str(number): name for number, name in enumerate(_NUMBERS)}, trigger_mode="opacity", tilt_deg=30.0
)
_TEMPLATE_SCRIPT = """
const all = (root, query) => Array.from(root.querySelectorAll(query));
function ready(root) {
  all(root, "[data-button]").forEach(e => { e.dataset.pressed = "false"; e.dataset.value = "0"; });
  all(root, ".trigger").forEach(e => { e.style.opacity = 0; e.style.clipPath = "none"; });
}
function press(root, label) {
  all(root, `[data-button="${label}"]`).forEach(e => {
    e.dataset.pressed = "true"; e.dataset.value = "1";
    if (e.classList.contains("trigger")) e.style.opacity = 1;
  });
}
function stick(root, index) { return all(root, `[data-axis-x="${2 * index}"]`); }
function move(root, index, x, y) {
  stick(root, index).forEach(e => { e.style.marginLeft = x * 25 + "px"; e.style.marginTop = y * 25 + "px"; });
}
"""
_CUSTOM_QUERIES = {
    ".button.a": "south", ".button.b": "east", ".button.x": "west", ".button.y": "north",
    ".bumper.left": "left_shoulder", ".bumper.right": "right_shoulder", ".trigger.left": "left_trigger",
    ".trigger.right": "right_trigger", ".back": "back", ".start": "start", ".stick.left": "left_thumb",
    ".stick.right": "right_thumb", ".face.up": "dpad_up", ".face.down": "dpad_down", ".face.left": "dpad_left",
    ".face.right": "dpad_right", ".meta": "guide",
}  # fmt: skip
_CUSTOM_RULES = Rules(_CUSTOM_QUERIES, trigger_mode="opacity", dead_zone=0.25, round_dead_zone=True, tilt_deg=22.0)
_CUSTOM_SCRIPT = """
const all = (root, query) => Array.from(root.querySelectorAll(query));
function ready(root) { all(root, ".trigger").forEach(e => { e.style.opacity = 0; }); }
function press(root, label) {
  all(root, label).forEach(e => {
    e.classList.add("pressed");
    if (e.classList.contains("trigger")) e.style.opacity = 1;
  });
}
function stick(root, index) { return all(root, index ? ".stick.right" : ".stick.left"); }
function move(root, index, x, y) {
  stick(root, index).forEach(e => { e.style.marginLeft = x * 22 + "px"; e.style.marginTop = y * 22 + "px"; });
}
"""
_CUSTOM_HTML = """<div class="controller custom" style="position:absolute;left:0;top:0;transform:none;margin:0">
<div class="triggers"><span class="trigger left"></span><span class="trigger right"></span></div>
<div class="bumpers"><span class="bumper left"></span><span class="bumper right"></span></div>
<div class="touchpad"></div><div class="quadrant p0"></div><div class="meta"></div>
<div class="arrows"><span class="back"></span><span class="start"></span></div>
<div class="abxy"><span class="button a"></span><span class="button b"></span><span class="button x"></span>
<span class="button y"></span></div>
<div class="sticks"><span class="stick left"></span><span class="stick right"></span></div>
<div class="dpad"><span class="face up"></span><span class="face down"></span><span class="face left"></span>
<span class="face right"></span></div></div>"""
_COLOURS = re.compile(r"""#gamepad\[data-color=["']?([\w-]+)["']?\]""")
_ROOT_BOX = re.compile(r"(?:#gamepad|\.controller(?:\.custom)?)\s*\{([^}]*)\}")


def colours(css: Path) -> tuple[str, ...]:
    """Return the colourways of a template's style sheet; one empty name if it has none."""
    return tuple(dict.fromkeys(_COLOURS.findall(_read(css)))) or ("",)


def is_custom(css: Path) -> bool:
    """Whether a style sheet is a custom skin of gamepadviewer.com."""
    text = _read(css)
    return ".controller" in text and any(part in text for part in (".abxy", ".button", ".stick", ".dpad"))


def import_template(folder: Path, colour: str) -> Skin:
    """Return the skin of a folder with `template.html` and `template.css`, in one of its `colours`.

    Raises:
        BadInputError: a file is unreadable, the browser fails, or no control is drawn.
    """
    html = without_scripts(_read(folder / "template.html"))
    css = folder / "template.css"
    attribute = f' data-color="{colour}"' if colour else ""
    page = Page(f'<div id="gamepad"{attribute} style="position:absolute;left:0;top:0;margin:0">{html}</div>',
                (css,), _TEMPLATE_SCRIPT, *_size(css))  # fmt: skip
    return import_page(slug("gpv", folder.name, colour), family_of(folder.name), page, _TEMPLATE_RULES)


def import_custom(css: Path) -> Skin:
    """Return the skin of a custom style sheet.

    Raises:
        BadInputError: the file is unreadable, the browser fails, or no control is drawn.
    """
    page = Page(_CUSTOM_HTML, (css,), _CUSTOM_SCRIPT, *_size(css))
    words = (css.parent.name, css.stem)
    return import_page(slug("gpv", *words), family_of(*words), page, _CUSTOM_RULES)


def _read(path: Path) -> str:
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise BadInputError(f"file {path.name} has {path.stat().st_size} bytes; at most {_MAX_FILE_BYTES}")
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def _size(css: Path) -> tuple[int, int]:
    width, height = _SIZE
    for box in _ROOT_BOX.findall(_read(css)):
        sizes = dict(re.findall(r"(?<![-\w])(width|height)\s*:\s*(\d+)px", box))
        width, height = int(sizes.get("width", width)), int(sizes.get("height", height))
    return width, height
