"""Render all states of an HTML skin at once: one page with a copy of the skin per state, one screenshot by Chromium.

The page may load files of this machine and nothing else: scripts of the skin do not run, and no name is resolved.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.gamepad import Floats
from ops.outcomes import BadInputError
from ops.skins.importers.common import read_rgba
from ops.skins.shapes import premultiplied

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: A page takes one or two seconds; a browser that takes longer hangs.
_TIMEOUT_S = 45
#: Tries of a page: a second one nearly always ends.
_ATTEMPTS = 2
#: Room around a skin, for what it draws beyond its box.
_ROOM_PX = 40
#: Greatest side of a skin's box.
_MAX_SIDE_PX = 1400
#: Greatest width of the sheet of all states; browsers clip far larger windows.
_MAX_SHEET_PX = 8000
#: What runs or loads something in a page.
_ACTIVE_TAGS = re.compile(
    r"<(script|iframe|object|embed)\b.*?</\1\s*>|<(script|meta|base|link|iframe|embed)\b[^>]*>",
    re.IGNORECASE | re.DOTALL,
)
#: No window, no network, no sound, no scaling, a transparent page.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--mute-audio",
    "--force-device-scale-factor=1",
    "--default-background-color=00000000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@dataclass(frozen=True)
class Page:
    """An HTML skin as a browser needs it.

    Attributes:
        html: one instance of the skin.
        styles: style sheets, in order.
        script: JavaScript that defines `press(root, label)` and `stick(root, index)` (the elements of a stick) and
            `move(root, index, x, y)`.
        width: of the skin's box in pixels.
        height: of the skin's box in pixels.
    """

    html: str
    styles: tuple[Path, ...]
    script: str
    width: int
    height: int


@dataclass(frozen=True)
class State:
    """What one copy of the skin shows.

    Attributes:
        press: labels that are down.
        move: (stick, x, y), or None.
        sticks: `shown`, `hidden`, or the index of the stick that is shown alone.
    """

    press: tuple[str, ...] = ()
    move: tuple[int, float, float] | None = None
    sticks: str | int = "shown"


def without_scripts(html: str) -> str:
    """Return HTML without elements that run or load something."""
    return _ACTIVE_TAGS.sub("", html)


def find_browser() -> str:
    """Return the path of a Chromium.

    Raises:
        BadInputError: there is none.
    """
    for name in _BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise BadInputError("HTML skins are drawn by Chromium and none is installed; run: apt-get install chromium")


def shoot(page: Page, states: Sequence[State]) -> list[Floats]:
    """Return the look of each state: (h, w, 4) float32 premultiplied, all of one size, the skin's box in the middle.

    Raises:
        BadInputError: there is no browser, it fails, or the skin is too large.
    """
    if not (0 < page.width <= _MAX_SIDE_PX and 0 < page.height <= _MAX_SIDE_PX):
        raise BadInputError(f"a box of {page.width}x{page.height} px; each side must be 1 to {_MAX_SIDE_PX}")
    width, height = page.width + 2 * _ROOM_PX, page.height + 2 * _ROOM_PX
    columns = max(1, min(len(states), _MAX_SHEET_PX // width))
    rows = -(-len(states) // columns)
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="overplay-skin-") as scratch:
        source, picture = Path(scratch) / "page.html", Path(scratch) / "page.png"
        source.write_text(_document(page, states, columns), encoding="utf-8")
        window = [f"--screenshot={picture}", f"--window-size={columns * width},{rows * height}"]
        command = [browser, *_FLAGS, f"--user-data-dir={scratch}/profile", *window, source.as_uri()]
        if not any(_ended(command) and picture.is_file() for _ in range(_ATTEMPTS)):
            raise BadInputError(
                f"the browser made no picture within {_ATTEMPTS} x {_TIMEOUT_S} s; the skin was left out"
            )
        sheet = premultiplied(read_rgba(picture))
    cells = [(number // columns * height, number % columns * width) for number in range(len(states))]
    return [sheet[top : top + height, left : left + width] for top, left in cells]


def _ended(command: Sequence[str]) -> bool:
    """Run a browser; return whether it ended in time. One that hangs, as they do now and then, is killed whole."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return False
    return True


def _document(page: Page, states: Sequence[State], columns: int) -> str:
    width, height = page.width + 2 * _ROOM_PX, page.height + 2 * _ROOM_PX
    links = "".join(f'<link rel="stylesheet" href="{style.resolve().as_uri()}">' for style in page.styles)
    listed = json.dumps([{"press": s.press, "move": s.move, "sticks": s.sticks} for s in states])
    policy = (
        "default-src 'none'; img-src file: data:; font-src file: data:; style-src file: 'unsafe-inline'; "
        "script-src 'nonce-overplay'"
    )
    return f"""<!doctype html><html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">{links}<style>
html, body {{ background: transparent !important; margin: 0 !important; padding: 0 !important; overflow: hidden; }}
* {{ transition: none !important; animation: none !important; }}
.op-cell {{ position: absolute; width: {width}px; height: {height}px; overflow: hidden; }}
.op-skin {{ position: absolute; left: {_ROOM_PX}px; top: {_ROOM_PX}px; width: {page.width}px;
  height: {page.height}px; }}
.op-hide, .op-hide * {{ visibility: hidden !important; }}
.op-solo * {{ visibility: hidden !important; }}
.op-solo .op-keep, .op-solo .op-keep * {{ visibility: visible !important; }}
</style></head><body><template id="op-template">{page.html}</template>
<script nonce="overplay">
{page.script}
const source = document.getElementById("op-template");
{listed}.forEach((state, number) => {{
  const cell = document.createElement("div"), root = document.createElement("div");
  cell.className = "op-cell"; root.className = "op-skin";
  cell.style.left = (number % {columns}) * {width} + "px";
  cell.style.top = Math.floor(number / {columns}) * {height} + "px";
  root.appendChild(source.content.cloneNode(true));
  cell.appendChild(root); document.body.appendChild(cell);
  ready(root);
  state.press.forEach(label => press(root, label));
  if (state.move) move(root, ...state.move);
  if (state.sticks === "hidden") [0, 1].forEach(i => stick(root, i).forEach(e => e.classList.add("op-hide")));
  if (typeof state.sticks === "number") {{
    root.classList.add("op-solo");
    stick(root, state.sticks).forEach(e => e.classList.add("op-keep"));
  }}
}});
</script></body></html>"""
