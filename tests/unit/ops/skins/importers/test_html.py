"""What a press changes in a page becomes a sprite."""

import numpy as np
import pytest

from ops.skins.importers import browser, html
from tests.unit.ops.skins.drawing import look

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
