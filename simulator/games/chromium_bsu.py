"""Chromium B.S.U.: a shooter that scrolls upwards. Its pad support is off in Debian's build."""

from __future__ import annotations

from typing import Final

from simulator.games.linux import STICK_KEY, Hold, LinuxSetup, tap_key
from simulator.games.rules import Sum, holds
from simulator.games.screen import Template, ends_where
from simulator.games.spec import GameSpec, InputMap, Task

#: The word that it shows, in pulsing red, when the last ship is lost.
_LOSER: Final = Template(
    box=(150 / 640, 244 / 480, 500 / 640, 310 / 480),
    rows=(
        "......................................................................",
        "..####................................................................",
        "..####................................................................",
        "..####.........#####...........#####..........######.........#####....",
        "..####.......##########......########.......##########......#######...",
        "..####......####...#####.....#####.........#####..#####.....#####.....",
        "..####.....#####....####......#######.....#############.....#####.....",
        "..####.....#####....####........######.....###########......#####.....",
        "..####......###########......#########.....###########......#####.....",
        "..####........#######.........#######........########.......#####.....",
        "......................................................................",
    ),
    channel=0,
)

#: Likeness from which the word is there: below .2 in play, above .5 with it.
_LIKENESS: Final = 0.4

GAME = GameSpec(
    name="ChromiumBSU",
    title="Chromium B.S.U.",
    backend="linux",
    width=640,
    height=480,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "space"),),
        axes=(("left_x", "Left|Right", STICK_KEY), ("left_y", "Up|Down", STICK_KEY)),
    ),
    tasks=(
        Task(
            name="Hold",
            kind="combat",
            goal="Let so few pass, and stay out of so many shots, that a ship is left after half a minute.",
            time_limit_s=30.0,
            score=Sum((("lost", -1.0),)),
            success=holds(("lost", "==", 0), ("exit_code", "==", -1)),
        ),
    ),
    licence="Clarified Artistic License",
    setup=LinuxSetup(
        packages=("chromium-bsu",),
        screen=(640, 480),
        command=("chromium-bsu", "--window", "--noaudio", "--vidmode", "1"),
        input="keys",
        watch=ends_where(_LOSER, _LIKENESS),
        boot=(Hold(60), *tap_key("Return", wait=90)),
    ),
)
