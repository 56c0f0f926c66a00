"""SuperTux: run, jump, reach the end of the level; the program then ends with exit code 0."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.spec import GameSpec, InputMap, Task

_LEVELS = "/usr/share/games/supertux2/levels/world1"


def _level(name: str, file: str) -> Task:
    return Task(
        name=name,
        kind="navigation",
        goal="Reach the end of the level; falling and foes send you back to its start.",
        time_limit_s=120.0,
        score=lambda facts: float(facts["exit_code"] == 0),
        success=lambda facts: facts["exit_code"] == 0,
        launch={"arguments": (f"{_LEVELS}/{file}",)},
    )


GAME = GameSpec(
    name="SuperTux",
    title="SuperTux",
    backend="linux",
    width=640,
    height=360,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "jump"), ("west", "action"), ("dpad_left", "left"), ("dpad_right", "right"),
                 ("dpad_down", "duck"), ("dpad_up", "look up")),
        axes=(("left_x", "walk", 1.0), ("left_y", "duck", 1.0)),
    ),
    tasks=(_level("Antarctica", "welcome_antarctica.stl"), _level("Journey", "journey_begins.stl")),
    licence="GPL-3.0-or-later, CC-BY-SA-3.0",
    setup=LinuxSetup(
        packages=("supertux",),
        # The GL renderer costs four times as much on a processor.
        command=("supertux2", "--renderer", "sdl", "--geometry", "{width}x{height}", "--window"),
        environment={"SDL_RENDER_DRIVER": "software"},
        boot=(Hold(60), *tap("south", wait=90)),  # past the title of the level
    ),
)  # fmt: skip
