"""What carries the pad, told to a page and to a list of keys."""

import numpy as np
import pytest

from simulator.backends.linux.pads import EvdevPad, KeyPad, Keys, what_passes
from simulator.games.spec import InputMap
from simulator.native.page import PAD_BUTTONS, ClockPage
from tests.unit.simulator.toy import CENTRE, pressed

MAP = InputMap(
    buttons=(("south", "space"), ("right_trigger", "Control_L"), ("dpad_up", "Up")),
    axes=(("left_x", "Left|Right", 0.5),),
)


@pytest.fixture
def page(tmp_path):
    page = ClockPage(tmp_path / "page")
    yield page
    page.close()


class Connection:
    """Counts what is sent."""

    def __init__(self):
        self.sent = []

    def keycode(self, name):
        return {"space": 65, "Left": 113, "Right": 114, "Control_L": 37, "Up": 111}[name]

    def forbid_repeat(self):
        self.sent.append("no repeat")

    def press(self, changes):
        self.sent.append(sorted(changes))


def test_only_what_the_map_names_passes():
    buttons, scales = what_passes(MAP)
    assert buttons.sum() == 3
    assert scales.tolist() == [0.5, 0, 0, 0]


def test_the_page_gets_buttons_triggers_and_scaled_sticks(page):
    pad = EvdevPad(page, MAP)
    pad.set(pressed("south", "east", "right_trigger", "dpad_up"), np.array([1, 1, 0, 0], np.float32))
    assert page.fields.pad_buttons == 1 << PAD_BUTTONS.index("south") | 1 << PAD_BUTTONS.index("dpad_up")
    assert list(page.fields.pad_triggers) == [0, 255]
    assert list(page.fields.pad_axes) == [16384, 0, 0, 0]
    pad.set_all(pressed("east"), np.array([1, -1, 0, 0], np.float32))
    assert page.fields.pad_buttons == 1 << PAD_BUTTONS.index("east")
    assert list(page.fields.pad_axes) == [32767, -32768, 0, 0]


def test_keys_are_sent_when_they_change():
    connection = Connection()
    pad = KeyPad(Keys(connection), MAP)
    for buttons, x in ((pressed("south"), 0.0), (pressed("south"), -0.6), (pressed("south"), -0.6), (pressed(), 0.4)):
        pad.set(buttons, CENTRE + np.array([x, 0, 0, 0], np.float32))
    assert connection.sent == ["no repeat", [(65, True)], [(113, True)], [(65, False), (113, False)]]
