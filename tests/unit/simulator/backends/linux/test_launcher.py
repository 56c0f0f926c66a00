"""Episodes end as the program ends, with its exit code."""

import signal

from tests.unit.simulator.toy import CENTRE, pressed


def test_the_ways_to_end(make_toy):
    for button, code in (("start", 0), ("back", 3), ("north", 128 + signal.SIGABRT)):
        toy = make_toy()
        toy.launcher.start(0)
        toy.clock.advance(3)
        toy.capture.grab()
        toy.pad.set(pressed(button), CENTRE)
        assert toy.clock.advance(5) < 5
        assert (toy.launcher.facts()["running"], toy.launcher.facts()["exit_code"]) == (0, code)
        assert toy.capture.grab().std() > 0  # the last picture
        assert toy.clock.advance(1) == 0
