"""Boot scripts reach the start state on slow machines too."""

import sys

from simulator.games.linux import Hold
from tests.unit.simulator.toy import TOY


def test_in_real_time_a_boot_script_waits_for_a_slow_game(make_toy):
    command = (sys.executable, str(TOY), "{width}", "{height}", "20")
    toy = make_toy(mode="off", command=command, boot=(Hold(30),))
    toy.launcher.start(0)
    assert 30 <= toy.launcher.facts()["presents"] < 40
