"""What the pad does shows in the next frame, also where keys carry it."""

import numpy as np

from simulator.backends.linux.display import ServerCapture
from simulator.games.spec import InputMap
from tests.unit.simulator.toy import CENTRE, REST, SIZE, pressed


def test_input_shows_in_the_very_next_frame(make_toy):
    toy = make_toy()
    toy.launcher.start(0)
    before = toy.capture.grab()
    assert before.shape == (SIZE[1], SIZE[0], 3)
    assert before[60, 5, 1] < 100
    toy.pad.set(pressed("south"), CENTRE)
    assert toy.clock.advance(1) == 1
    assert tuple(toy.capture.grab()[118, 5]) == (0, 200, 0)
    assert toy.launcher.facts()["running"] == 1
    assert toy.page.fields.pad_opens > 0


def test_keys_reach_a_game_that_knows_no_pad_and_the_server_gives_the_same_picture(make_toy):
    keys = InputMap(buttons=(("south", "space"),), axes=(("left_x", "Left|Right", 0.5),))
    toy = make_toy(input="keys", input_map=keys)
    toy.launcher.start(0)
    counts = []
    for buttons, x in ((REST, 0.0), (pressed("south"), 0.0), (pressed("south"), -0.9), (REST, 0.9), (REST, 0.9)):
        toy.pad.set(buttons, np.array([x, 0, 0, 0], np.float32))
        toy.clock.advance(3)
        counts.append(int(toy.capture.grab()[1, 1, 1]))
    assert counts == [0, 1, 2, 3, 3]
    other = ServerCapture(toy.session.running.display.name)
    np.testing.assert_array_equal(other.grab(), toy.capture.grab())
    other.close()
