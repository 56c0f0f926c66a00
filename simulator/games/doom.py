"""Doom with Freedoom art, on the arenas that ViZDoom bundles; a twin-stick pad.

Enemies fall after a hit or two and come back, so a task's return is the number of shots that hit within its time:
kills would count those who shoot each other. Ammunition is endless: otherwise a policy could beat another one by
shooting less, without looking at the picture.
"""

from __future__ import annotations

from typing import Final

from simulator.games.rules import OneWhere, fact, holds
from simulator.games.spec import GameSpec, InputMap, Task

_ENDLESS: Final = ("+sv_infiniteammo 1",)
#: A view of 70 degrees (the engine's is 90): far enemies stay wider than a few pixels at 256.
_NEAR_VIEW: Final = ("fov 70",)

#: Degrees per tic at full deflection of the right stick: half a turn takes two seconds.
TURN_DEG_PER_FRAME: Final = 3.0
#: Forward and sideways thrust at full deflection of the left stick, in the engine's units (50 is a run).
_THRUST: Final = 12.0
#: Control frames, which are tics, per second.
_CONTROL_HZ: Final = 30
#: Shots that hit within the time: what tells the scripted player from a random one (docs/benchmarks.md).
_GALLERY_KILLS: Final = 9
_LINE_HITS: Final = 18
_CENTER_KILLS: Final = 10
#: Seconds to stay alive.
_COVER_S: Final = 15.0

_HOME: Final = holds(("running", "==", 0), ("dead", "==", 0))

GAME = GameSpec(
    name="Doom",
    title="Doom (Freedoom)",
    backend="vizdoom",
    width=512,
    height=288,
    control_hz=_CONTROL_HZ,
    input_map=InputMap(
        buttons=(
            ("right_trigger", "ATTACK"),
            ("right_shoulder", "ALTATTACK"),
            ("left_trigger", "ZOOM"),
            ("left_shoulder", "RELOAD"),
            ("south", "JUMP"),
            ("east", "CROUCH"),
            ("west", "USE"),
            ("north", "ACTIVATE_SELECTED_ITEM"),
            ("left_thumb", "SPEED"),
            ("dpad_left", "SELECT_PREV_ITEM"),
            ("dpad_right", "SELECT_NEXT_ITEM"),
            ("dpad_down", "DROP_SELECTED_ITEM"),
        ),
        axes=(
            ("left_x", "MOVE_LEFT_RIGHT_DELTA", _THRUST),
            ("left_y", "MOVE_FORWARD_BACKWARD_DELTA", -_THRUST),
            ("right_x", "TURN_LEFT_RIGHT_DELTA", TURN_DEG_PER_FRAME),
        ),
    ),
    tasks=(
        Task(
            name="Gallery",
            kind="combat",
            goal="Shoot the demon that appears somewhere along the far wall, then the next one, and so on.",
            time_limit_s=15.0,
            score=fact("kills"),
            success=holds(("kills", ">=", _GALLERY_KILLS)),
            launch={"scenario": "simpler_basic", "arguments": _ENDLESS, "commands": _NEAR_VIEW, "rounds": True},
        ),
        Task(
            name="DefendLine",
            kind="combat",
            goal="Hold one end of a hall against those who come, and throw fire, from the other.",
            time_limit_s=20.0,
            score=fact("hits"),
            success=holds(("dead", "==", 0), ("hits", ">=", _LINE_HITS)),
            launch={"scenario": "defend_the_line", "arguments": _ENDLESS, "commands": _NEAR_VIEW},
        ),
        Task(
            name="DefendCenter",
            kind="combat",
            goal="Stay alive in a round arena and shoot those who close in from all sides.",
            time_limit_s=20.0,
            score=fact("kills"),
            success=holds(("dead", "==", 0), ("kills", ">=", _CENTER_KILLS)),
            launch={"scenario": "defend_the_center", "arguments": _ENDLESS, "commands": _NEAR_VIEW},
        ),
        Task(
            name="TakeCover",
            kind="game-specific",
            goal="Stay alive by stepping aside from what the imps throw.",
            time_limit_s=_COVER_S,
            score=fact("tics", unit=_CONTROL_HZ),
            success=holds(("dead", "==", 0), ("tics", ">=", _COVER_S * _CONTROL_HZ)),
            launch={"scenario": "take_cover"},
        ),
        Task(
            name="MyWayHome",
            kind="navigation",
            goal="Find the vest in a maze of rooms, from anywhere in it.",
            time_limit_s=30.0,
            score=OneWhere(_HOME),
            success=_HOME,
            launch={"scenario": "my_way_home", "plan": True},
        ),
    ),
    licence="BSD-3-Clause (Freedoom art), GPL-3.0-or-later (engine), MIT (ViZDoom scenarios)",
)
