"""SuperTux: run, jump, reach the end of the level; the program then ends with exit code 0."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Final

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.rules import OneWhere, holds
from simulator.games.spec import GameSpec, InputMap, Task

_LEVELS: Final = Path("/usr/share/games/supertux2/levels/world1")
_SPAWN: Final = re.compile(r'(\(spawnpoint\s+\(name "main"\)\s+\(x )[\d.]+(\)\s+\(y )[\d.]+')

#: The program ends with it where the level is finished; -1 while it runs.
_AT_THE_END: Final = holds(("exit_code", "==", 0))


def section(file: str, x: int, y: int) -> str:
    """Return an installed level's text, started at another place, in pixels from the upper left.

    Raises:
        ValueError: the level has no place to start from.
    """
    text, count = _SPAWN.subn(rf"\g<1>{x}\g<2>{y}", (_LEVELS / file).read_text())
    if count != 1:
        raise ValueError(f"expected one spawn point in {_LEVELS / file}, found {count}")
    return text


def _level(name: str, file: str, start: tuple[int, int] | None, limit_s: float) -> Task:
    launch: dict[str, Any] = {"arguments": (f"{_LEVELS}/{file}",)}
    if start is not None:
        launch = {"arguments": ("{home}/section.stl",), "files": {"section.stl": partial(section, file, *start)}}
    return Task(
        name=name,
        kind="navigation",
        goal="Reach the end of the level; falling and foes send you back to where you began.",
        time_limit_s=limit_s,
        score=OneWhere(_AT_THE_END),
        success=_AT_THE_END,
        launch=launch,
    )


GAME = GameSpec(
    name="SuperTux",
    title="SuperTux",
    backend="linux",
    width=640,
    height=360,
    control_hz=60,
    input_map=InputMap(
        buttons=(
            ("south", "jump"),
            ("west", "action"),
            ("dpad_left", "left"),
            ("dpad_right", "right"),
            ("dpad_down", "duck"),
            ("dpad_up", "look up"),
        ),
        axes=(("left_x", "walk", 1.0), ("left_y", "duck", 1.0)),
    ),
    tasks=(
        _level("Antarctica", "welcome_antarctica.stl", None, 75.0),
        _level("AntarcticaStairs", "welcome_antarctica.stl", (7296, 480), 25.0),
        _level("AntarcticaGoal", "welcome_antarctica.stl", (8544, 480), 12.0),
        _level("Journey", "journey_begins.stl", None, 90.0),
    ),
    licence="GPL-3.0-or-later, CC-BY-SA-3.0",
    setup=LinuxSetup(
        packages=("supertux",),
        # The GL renderer costs four times as much on a processor.
        command=("supertux2", "--renderer", "sdl", "--geometry", "{width}x{height}", "--window"),
        environment={"SDL_RENDER_DRIVER": "software"},
        boot=(Hold(60), *tap("south", wait=90)),  # past the title of the level
    ),
)
