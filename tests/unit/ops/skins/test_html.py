"""HTML skins: what a press changes becomes a sprite; the pages' rules, in a browser where there is one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ops.outcomes import BadInputError
from ops.skins.importers import browser, gamepad_viewer, html, joystick_display
from tests.unit.ops.skins.drawing import look

in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, browser._BROWSERS)), reason="no Chromium here; install one (apt-get install chromium)"
    ),
]

PAGE = browser.Page("<div></div>", (), "", 40, 30)


def _shots(monkeypatch: pytest.MonkeyPatch, idle: np.ndarray, **pressed: np.ndarray) -> html.Rules:
    blank = np.zeros_like(idle)
    monkeypatch.setattr(html, "shoot", lambda page, states: [idle, *pressed.values(), *[blank] * 6])
    return html.Rules({name: name for name in pressed})


def _panel(alpha: float = 1.0) -> np.ndarray:
    picture = np.zeros((40, 60, 4), np.float32)
    picture[5:35, 5:55] = (0.2 * alpha, 0.2 * alpha, 0.2 * alpha, alpha)
    return picture


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_pressed_looks_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch, alpha: float) -> None:
    idle = _panel(alpha)
    lit, lighter = idle.copy(), idle.copy()
    lit[10:20, 10:20] = (0.9, 0.1, 0.1, 1)
    lighter[10:20, 30:40] *= 0.4  # less is drawn while it is down: no layer over the body can show that
    skin = html.import_page("x", "generic", PAGE, _shots(monkeypatch, idle, start=lit, back=lighter))
    for picture, press in ((idle, ()), (lit, ("start",)), (lighter, ("back",))):
        expected = np.round(picture[5:35, 5:55] * 255)
        np.testing.assert_allclose(look(skin, *press).astype(int), expected, atol=1)
    area = skin.areas()["start"]
    assert (area.cx, area.cy, area.half_width) == (10, 10, 5)


def test_a_press_that_changes_nothing_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = _panel()
    lit = idle.copy()
    lit[10:20, 10:20] = 1
    rules = _shots(monkeypatch, idle, start=lit, back=idle.copy())
    assert html.import_page("x", "generic", PAGE, rules).drawn == ("start",)


def test_scripts_and_embedded_pages_are_taken_out() -> None:
    text = '<a><script async src="x"></script><META http-equiv=refresh><iframe src=y>z</iframe><b></a>'
    assert browser.without_scripts(text) == "<a><b></a>"


def test_without_a_browser_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(BadInputError, match="apt-get install chromium"):
        browser.shoot(PAGE, [browser.State()])


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


@pytest.mark.parametrize("mark", [pytest.param(None, marks=in_browser)])
def test_a_template_of_gamepad_viewer_fades_its_triggers_in(tmp_path: Path, mark) -> None:
    folder = tmp_path / "pad"
    folder.mkdir()
    (folder / "template.html").write_text(
        '<script src="x.js"></script><span class="trigger" data-button="6"></span>'
        '<span class="stick" data-button="10" data-axis-x="0" data-axis-y="1"></span>'
    )
    (folder / "template.css").write_text(
        '#gamepad {width: 200px; height: 100px;} #gamepad[data-color="gray"] {background: #444}'
        "#gamepad span {position: absolute; width: 30px; height: 30px; left: 20px; top: 10px; background: #fff}"
        '#gamepad .stick {left: 100px; top: 40px; border-radius: 50%} .stick[data-pressed="true"] {opacity: .5}'
    )
    assert gamepad_viewer.colours(folder / "template.css") == ("gray",)
    skin = gamepad_viewer.import_template(folder, "gray")
    assert skin.drawn == ("left_stick", "left_thumb", "left_trigger")
    assert skin.areas()["left_stick"].travel == pytest.approx(25, abs=0.5)
    shades = [int(look(skin, triggers=(value, 0))[25, 35, 0]) for value in (0, 0.5, 1)]
    assert shades == pytest.approx([68, 162, 255], abs=3)
    leaning = look(skin, sticks=(1, 0, 0, 0))[:, :, 0] > 200
    columns = np.nonzero(leaning.any(axis=0))[0]
    columns = columns[columns > 90]
    assert np.ptp(columns) + 1 == pytest.approx(30 * np.cos(np.radians(30)), abs=2), "foreshortened"


@pytest.mark.parametrize("mark", [pytest.param(None, marks=in_browser)])
def test_a_custom_style_sheet_has_a_round_dead_zone(tmp_path: Path, mark) -> None:
    css = tmp_path / "mine.css"
    css.write_text(
        ".controller.custom {width: 200px; height: 100px; background: #444}"
        ".controller.custom span {position: absolute; width: 0; height: 0; background: #fff}"
        ".controller.custom .stick.left {left: 60px; top: 40px; width: 20px; height: 20px}"
        ".controller.custom .button.a {left: 150px; top: 40px; width: 20px; height: 20px; background: #222}"
        ".controller.custom .button.a.pressed {background: #0f0}"
    )
    assert gamepad_viewer.is_custom(css)
    skin = gamepad_viewer.import_custom(css)
    assert {"left_stick", "south"} <= set(skin.drawn) and skin.round_dead_zone
    rest, near, far = (look(skin, sticks=(x, x, 0, 0)) for x in (0, 0.17, 0.2))
    np.testing.assert_array_equal(rest, near)
    assert (far != rest).any()
    assert look(skin, "south")[50, 160].tolist() == [0, 255, 0, 255]


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
