"""Open Joystick Display's rules, in a browser where there is one."""

import json
import shutil
from pathlib import Path

import pytest

from ops.outcomes import BadInputError
from ops.skins.importers import browser, joystick_display
from tests.unit.ops.skins.drawing import look

in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, browser._BROWSERS)), reason="no Chromium here; install one (apt-get install chromium)"
    ),
]


def _theme(folder: Path) -> Path:
    folder.mkdir()
    style = {"id": "plain", "name": "Plain", "file": "a.html", "mastercss": "a.css"}
    (folder / "theme.json").write_text(json.dumps({"id": "t", "styles": [style]}))
    (folder / "a.html").write_text(
        "<div class='theme'><div ojd-svg='%DIRECTORY%/pad.svg'></div><script>document.body.innerHTML=''</script>"
        "<div class='wrap'><div ojd-directional='0' class='cap'></div></div></div>"
    )
    (folder / "pad.svg").write_text(
        "<?xml version='1.0'?><svg width='200' height='100'><rect width='200' height='100' fill='#333'/>"
        "<rect ojd-button='START' class='b' x='150' y='10' width='20' height='10' fill='#888'/>"
        "<rect ojd-button='SCREENSHOT' class='b' x='150' y='60' width='20' height='10' fill='#888'/></svg>"
    )
    (folder / "a.css").write_text(
        ".theme {position:relative; width:200px; height:100px;} .theme svg {display:block}"
        ".wrap {position:absolute; left:40px; top:20px; width:40px; height:40px}"
        ".cap {position:absolute; left:50%; top:50%; width:20px; height:20px; margin:-10px; background:#f00}"
        ".b.active {fill:#fff} .cap.active {background:#00f}"
    )
    (folder / "theme-plain.css").write_text(".b.active {fill:#0f0}")
    return folder


@pytest.mark.parametrize("mark", [pytest.param(None, marks=in_browser)])
def test_a_theme_is_drawn_once_and_then_follows_the_programs_rules(tmp_path: Path, mark) -> None:
    folder = _theme(tmp_path / "ojd-theme")
    ((skin_id, style),) = joystick_display.styles(json.loads((folder / "theme.json").read_text()), folder)
    skin = joystick_display.import_skin(skin_id, style, folder)
    assert (skin.skin_id, skin.width, skin.height) == ("ojd-theme-plain", 200, 100)
    assert skin.drawn == ("left_stick", "start")
    assert look(skin, "start")[15, 160].tolist() == [0, 255, 0, 255]
    assert look(skin)[40, 60].tolist() == [255, 0, 0, 255]
    assert look(skin, sticks=(0.24, 0, 0, 0))[40, 60].tolist() == [255, 0, 0, 255], "inside the dead zone"
    moved = look(skin, sticks=(1, -1, 0, 0))
    assert moved[20, 80].tolist() == [0, 0, 255, 255] and moved[45, 55].tolist() == [51, 51, 51, 255]


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("text", "malformed style"),
        ({"id": "x", "file": "gone.html"}, "is missing"),
        ({"id": "x", "file": "../../etc/passwd"}, "outside the theme"),
        ({"id": "x", "file": "a.html", "mastercss": "gone.css"}, "is missing"),
    ],
)
def test_bad_themes_are_refused_with_a_reason(tmp_path: Path, style, message: str) -> None:
    folder = _theme(tmp_path / "theme")
    with pytest.raises(BadInputError, match=message):
        joystick_display.import_skin("x", style, folder)
