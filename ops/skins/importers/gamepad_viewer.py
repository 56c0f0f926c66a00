"""GamePad Viewer skins: style sheets over a fixed page; two dialects.

`template.html` and `template.css` (e7d/gamepad-viewer): state in `data-pressed` and `data-value`, one skin per
`data-color`; caps travel 25 px and lean 30 degrees. A style sheet with `.controller` rules (custom skins of
gamepadviewer.com): class `pressed`; caps travel 22 px, lean 22 degrees, and rest below a radius of .25. In both, a
trigger's opacity is its travel.

A style sheet with rules for the site's own pads (`.xbox`, `.ds4`, ...) is a skin of that pad if it draws all by itself.
"""

from __future__ import annotations

import re
from pathlib import Path

from ops.outcomes import BadInputError
from ops.skins.form import Skin
from ops.skins.importers.browser import Page, without_scripts
from ops.skins.importers.common import family_of, slug
from ops.skins.importers.html import Rules, import_page

#: Greatest page or style sheet; those with inlined pictures have a few MB.
_MAX_FILE_BYTES = 8 << 20
#: Width and height of a page that does not say.
_SIZE = (750, 630)
#: Files that a refusal names at most.
_MOST_NAMED = 3
#: Buttons by the number that browsers give them.
_NUMBERS = (
    "south", "east", "west", "north", "left_shoulder", "right_shoulder", "left_trigger", "right_trigger",
    "back", "start", "left_thumb", "right_thumb", "dpad_up", "dpad_down", "dpad_left", "dpad_right", "guide",
)  # fmt: skip
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
#: Class of a custom skin, and those of the site's own pads.
_CUSTOM = "custom"
_PADS = (
    _CUSTOM,
    "xbox",
    "xbox-old",
    "ps",
    "ps3",
    "ps4",
    "ds4",
    "ps5",
    "nes",
    "snes",
    "n64",
    "gc",
    "switch",
    "fightpad",
)
#: Class names of the parts of a pad.
_PARTS = (".abxy", ".button", ".stick", ".dpad", ".bumper", ".trigger", ".face", ".back", ".start")
_CUSTOM_HTML = """<div class="controller PAD" style="position:absolute;left:0;top:0;transform:none;margin:0">
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
_ROOT_BOX = re.compile(
    r"(?:#gamepad|\.controller(?:\.[\w-]+)?|\.[\w-]+\.controller|(?:^|[},/])\s*\.(?:PADS))\s*\{([^}]*)\}".replace(
        "PADS", "|".join(_PADS)
    )
)
_COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)
_NAMED_PAD = re.compile(r"\.controller\.([\w-]+)|\.([\w-]+)\.controller")
_OTHER_FILES = re.compile(r"""(?:url\(|@import)\s*["']?(?!data:)([^"')\s;]+)""", re.IGNORECASE)


def colours(css: Path) -> tuple[str, ...]:
    """Return the colourways of a template's style sheet; one empty name if it has none."""
    return tuple(dict.fromkeys(_COLOURS.findall(_read(css)))) or ("",)


def pads(css: Path) -> tuple[str, ...]:
    """Return the pads of gamepadviewer.com that a style sheet restyles, by class; none if it is another sheet.

    `custom` is the site's own word for a skin of one's own. Where a sheet has it, the sheet is that skin alone.
    """
    text = _COMMENTS.sub("", _read(css))
    if not any(re.search(rf"{re.escape(part)}(?![\w-])", text) for part in _PARTS):
        return ()
    named = {first or second for first, second in _NAMED_PAD.findall(text)}
    known = [pad for pad in _PADS if re.search(rf"\.{pad}(?![\w-])", text)]
    found = tuple(dict.fromkeys([*known, *sorted(named - set(_PADS))]))
    if _CUSTOM in found or (not found and ".controller" in text):
        return (_CUSTOM,)
    return found


def import_template(folder: Path, colour: str) -> Skin:
    """Return the skin of a folder with `template.html` and `template.css`, in one of its `colours`.

    Raises:
        BadInputError: a file is unreadable, the browser fails, or no control is drawn.
    """
    html = without_scripts(_read(folder / "template.html"))
    css = folder / "template.css"
    attribute = f' data-color="{colour}"' if colour else ""
    body = f'<div id="gamepad"{attribute} style="position:absolute;left:0;top:0;margin:0">{html}</div>'
    page = Page(body, (css,), _TEMPLATE_SCRIPT, *_size(css))
    return import_page(slug("gpv", folder.name, colour), family_of(folder.name), page, _TEMPLATE_RULES)


def import_custom(css: Path, pad: str = _CUSTOM) -> Skin:
    """Return the skin that a style sheet makes of one of its `pads`.

    Raises:
        BadInputError: the file is unreadable, the browser fails, or no control is drawn; what the sheet lacks is named.
    """
    page = Page(_CUSTOM_HTML.replace("PAD", pad), (css,), _CUSTOM_SCRIPT, *_size(css))
    words = (css.parent.name, css.stem) if pad == _CUSTOM or pad in slug(css.stem) else (css.parent.name, css.stem, pad)
    try:
        return import_page(slug("gpv", *words), family_of(*words), page, _CUSTOM_RULES)
    except BadInputError as error:
        lacking = _lacking(css, pad)
        raise BadInputError(f"{error}; {lacking}") if lacking else error from error


def _lacking(css: Path, pad: str) -> str:
    """Return what a style sheet needs that is not here."""
    files = dict.fromkeys(_OTHER_FILES.findall(_COMMENTS.sub("", _read(css))))
    absent = [file for file in files if "//" in file or not (css.parent / file).is_file()]
    if absent:
        return f"it asks for {', '.join(absent[:_MOST_NAMED])}; put copies beside it and name those"
    if pad != _CUSTOM:
        return (
            f"it changes the site's own pad `.{pad}`, whose style sheet is not here; give each part its size and colour"
        )
    return ""


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
