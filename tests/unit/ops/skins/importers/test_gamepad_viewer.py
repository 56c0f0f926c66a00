"""GamePad Viewer's rules, in a browser where there is one."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ops.outcomes import BadInputError
from ops.skins.importers import browser, gamepad_viewer
from tests.unit.ops.skins.drawing import look

in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, browser._BROWSERS)), reason="no Chromium here; install one (apt-get install chromium)"
    ),
]


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
    assert gamepad_viewer.pads(css) == ("custom",)
    skin = gamepad_viewer.import_custom(css)
    assert {"left_stick", "south"} <= set(skin.drawn) and skin.round_dead_zone
    rest, near, far = (look(skin, sticks=(x, x, 0, 0)) for x in (0, 0.17, 0.2))
    np.testing.assert_array_equal(rest, near)
    assert (far != rest).any()
    assert look(skin, "south")[50, 160].tolist() == [0, 255, 0, 255]


def _restyled(pad: str) -> str:
    return (
        f".controller.{pad} {{width: 200px; height: 100px; background: #444}}"
        f".{pad} .button {{position: absolute; width: 20px; height: 20px; background: #222}}"
        f".{pad} .button.a {{left: 150px; top: 40px}} .{pad} .button.pressed {{background: #0f0}}"
    )


@pytest.mark.parametrize(
    ("text", "pads"),
    [
        (_restyled("custom"), ("custom",)),
        (_restyled("xbox"), ("xbox",)),
        (_restyled("ds4") + _restyled("nes"), ("ds4", "nes")),
        (_restyled("mine"), ("mine",)),
        (_restyled("xbox").replace(".controller.xbox", ".xbox"), ("xbox",)),
        (".controller {width: 10px} .button.a {left: 0}", ("custom",)),
        ("/* .xbox .button */ .page .stickers {color: red}", ()),
        ("h1 {color: red} .buttons {left: 0}", ()),
    ],
)
def test_the_pads_that_a_sheet_restyles(tmp_path: Path, text: str, pads: tuple) -> None:
    css = tmp_path / "a.css"
    css.write_text(text)
    assert gamepad_viewer.pads(css) == pads


@pytest.mark.parametrize("mark", [pytest.param(None, marks=in_browser)])
def test_a_sheet_for_the_site_s_own_pad_is_a_skin_if_it_draws_by_itself(tmp_path: Path, mark) -> None:
    css = tmp_path / "white.css"
    css.write_text(_restyled("ds4"))
    skin = gamepad_viewer.import_custom(css, "ds4")
    assert "south" in skin.drawn and skin.skin_id.endswith("white-ds4") and skin.family == "ps4"
    assert (skin.width, skin.height) == (200, 100)
    assert look(skin, "south")[50, 160].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (".xbox .button {opacity: .5}", "style sheet is not here"),
        (".xbox .button {background: url(https://example.org/a.png)}", "asks for https://example.org/a.png"),
        ("@import 'gone.css'; .xbox .abxy {left: 0}", "asks for gone.css"),
    ],
)
@pytest.mark.parametrize("mark", [pytest.param(None, marks=in_browser)])
def test_a_sheet_that_needs_the_site_is_refused_with_what_it_lacks(tmp_path: Path, rule, message, mark) -> None:
    css = tmp_path / "a.css"
    css.write_text(rule)
    with pytest.raises(BadInputError, match=message):
        gamepad_viewer.import_custom(css, *gamepad_viewer.pads(css))
