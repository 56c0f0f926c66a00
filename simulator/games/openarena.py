"""OpenArena: a fight of two in an arena, against one of the engine's bots. Kills are read from the server's log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from simulator.games.linux import STICK_KEY, Hold, LinuxSetup
from simulator.games.rules import Sum, holds
from simulator.games.spec import GameSpec, InputMap, Task

_DATA: Final = ".openarena/baseoa"
_NAME: Final = "player"
_KEYS: Final = """unbindall
bind w +forward
bind s +back
bind a +moveleft
bind d +moveright
bind LEFTARROW +left
bind RIGHTARROW +right
bind SPACE +moveup
bind c +movedown
bind CTRL +attack
"""
#: Settings of the engine, as Debian's start script gives them, and then ours.
_SETTINGS: Final = {
    "com_basegame": "baseoa", "fs_basepath": "/usr/lib/openarena", "com_homepath": ".openarena",
    "com_legacyprotocol": 71, "com_protocol": 71, "cl_motd": 0,
    "r_fullscreen": 0, "r_mode": -1, "r_customwidth": "{width}", "r_customheight": "{height}", "r_picmip": 2,
    "r_vertexlight": 1, "s_initsound": 0, "com_introplayed": 1, "com_maxfps": 0, "com_hunkmegs": 256,
    "in_mouse": 0, "in_joystick": 0, "net_enabled": 0, "sv_pure": 0, "name": _NAME,
    "g_gametype": 0, "g_log": "games.log", "g_logsync": 1, "fraglimit": 0, "timelimit": 0,
}  # fmt: skip
#: "  0:41 Kill: 1 0 8: player killed Sarge by MOD_PLASMA"; of what is not by anybody it says "<world>".
_KILL: Final = re.compile(r"Kill: \d+ \d+ \d+: (.+) killed (.+) by MOD_")


def probe(home: Path) -> Mapping[str, float]:
    """Return the player's `kills` of others and `deaths` by anybody."""
    path = home / _DATA / "games.log"
    pairs = _KILL.findall(path.read_text(errors="replace")) if path.exists() else []
    return {
        "kills": float(sum(killer == _NAME != killed for killer, killed in pairs)),
        "deaths": float(sum(killed == _NAME for _, killed in pairs)),
    }


GAME = GameSpec(
    name="OpenArena",
    title="OpenArena",
    backend="linux",
    width=320,
    height=180,
    control_hz=60,
    input_map=InputMap(
        buttons=(("right_trigger", "Control_L"), ("south", "space"), ("east", "c")),
        axes=(("left_x", "a|d", STICK_KEY), ("left_y", "w|s", STICK_KEY), ("right_x", "Left|Right", STICK_KEY)),
    ),
    tasks=(
        Task(
            name="Frag",
            kind="combat",
            goal="Kill the bot once.",
            time_limit_s=60.0,
            score=Sum((("kills", 1.0), ("deaths", -1.0))),
            success=holds(("kills", ">=", 1)),
            ends_with_success=True,
        ),
    ),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("openarena",),
        command=(
            "/usr/lib/ioquake3/ioquake3",
            *(word for name, value in _SETTINGS.items() for word in ("+set", name, str(value))),
            "+devmap",
            "oa_dm1",
            "+addbot",
            "sarge",
            "1",
        ),
        home={f"{_DATA}/autoexec.cfg": _KEYS},
        input="keys",
        vsync="always",
        probe=probe,
        boot=(Hold(60),),  # the bot comes in after some seconds
        boot_frames=2400,
    ),
)
