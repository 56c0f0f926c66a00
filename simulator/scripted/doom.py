"""A player for the Doom arenas: turns to an enemy, strafes a little, pulls the trigger when it is in the cross.

It reads positions from the engine, but only of what a person would see in the picture, so that the picture tells what
it does; everything it does goes through the pad.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from simulator.play.policies import ActionChunk
from simulator.protocol import Frame
from simulator.scripted.human import Fidgets, Thumb

if TYPE_CHECKING:
    from simulator.env import GameEnv

#: Everything that can be shot in the bundled arenas.
_ENEMIES: Final = frozenset({"Demon", "MarineChainsawVzd", "DoomImp", "Cacodemon"})
#: Map units: half of an enemy's width.
_ENEMY_RADIUS: Final = 20.0
#: Map units between which the player keeps away from the middle of the arena.
_ROAM: Final = 60.0
#: Degrees off the cross at which the stick may rest.
_AIMED_DEG: Final = 0.5
#: Degrees off the cross from which the stick is at its rim.
_FULL_TURN_DEG: Final = 30.0
#: Deflection of the smallest turn.
_LEAST_TURN: Final = 0.1
#: Degrees off the cross up to which an enemy is in view.
_IN_VIEW_DEG: Final = 38.0
#: Where the stick goes while none is.
_SEARCH: Final = 0.7
#: Degrees off the cross, and map units away, that count alike when an enemy is chosen.
_EFFORT_DEG: Final = 60
_EFFORT_UNITS: Final = 400
#: [least, most) control frames between two glances over a shoulder, and of a glance; and its deflection.
_GLANCE_PAUSE: Final = (120, 300)
_GLANCE_FRAMES: Final = (4, 14)
_GLANCE_REACH: Final = (0.5, 1.0)
#: [least, most) control frames of a nod, and how far it goes; two of three go nowhere.
_NOD_FRAMES: Final = (10, 50)
_NOD_REACH: Final = 0.9
_NODS: Final = (0.0, 0.0, 1.0)
#: [least, most) control frames of a stroll, and how far the stick is pushed for it, with probabilities.
_STROLL_FRAMES: Final = (12, 45)
_STROLL_REACHES: Final = (0.0, 0.45, 0.75, 1.0)
_STROLL_SHARES: Final = (0.15, 0.25, 0.35, 0.25)
#: How far the stick is pushed, at least, on the way back to the middle.
_RETURN_REACH: Final = 0.6
#: Control frames between two fidgets, on average.
_FIDGET_PAUSE: Final = 40.0
#: Lag and tremble of the thumbs, see `Thumb`.
_LEFT_THUMB: Final = (0.22, 0.04)
_RIGHT_THUMB: Final = (0.7, 0.02)


class _Aim(NamedTuple):
    """An enemy: degrees left of the cross, and map units away."""

    bearing_deg: float
    distance: float


class DoomGunner:
    """Plays an environment of the game Doom.

    Args:
        env: the environment that it will play, since it reads the engine's state.
    """

    def __init__(self, env: GameEnv) -> None:
        self._env = env
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over with the hands that belong to a seed."""
        self._rng = np.random.default_rng(seed)
        self._left, self._right = Thumb(*_LEFT_THUMB), Thumb(*_RIGHT_THUMB)
        self._fidgets = Fidgets(_FIDGET_PAUSE)
        self._target: int | None = None
        self._home: tuple[float, float] | None = None
        self._stroll = np.zeros(2)
        self._stroll_frames = 0
        self._glance = 0.0
        self._glance_frames = 0
        self._next_glance = int(self._rng.integers(*_GLANCE_PAUSE))
        self._nod_to, self._nod_frames = 0.0, 0

    def act(self, observation: Frame) -> ActionChunk:
        """Return one action."""
        aim = self._aim()
        turn = self._look_around()
        if turn == 0.0:
            turn = _SEARCH if aim is None else _steer(aim.bearing_deg)
        pressed = list(self._fidgets.press(self._rng))
        if aim is not None and abs(aim.bearing_deg) < math.degrees(math.atan2(_ENEMY_RADIUS, aim.distance)):
            pressed.append("right_trigger")
        left = self._left.move(self._strafe(), self._rng)
        right = self._right.move((turn, self._nod()), self._rng)
        return ActionChunk.single(pressed, np.concatenate([left, right]))

    def _aim(self) -> _Aim | None:
        """Return where the enemy in view is that is dealt with until it dies or is lost from view; None without one."""
        state = self._env.backend.launcher.game.get_state()  # type: ignore[attr-defined]
        if state is None:
            return None
        me = next(thing for thing in state.objects if thing.name == "DoomPlayer")
        if self._home is None:
            self._home = (me.position_x, me.position_y)
        self._me = me
        enemies = {}
        for thing in state.objects:
            if thing.name in _ENEMIES:
                dx, dy = thing.position_x - me.position_x, thing.position_y - me.position_y
                bearing_deg = (math.degrees(math.atan2(dy, dx)) - me.angle + 180) % 360 - 180
                if abs(bearing_deg) < _IN_VIEW_DEG:
                    enemies[thing.id] = _Aim(bearing_deg, math.hypot(dx, dy))
        if not enemies:
            return None
        if self._target not in enemies:
            self._target = min(enemies, key=lambda key: _effort(enemies[key]))
        return enemies[self._target]

    def _look_around(self) -> float:
        """Return the right stick's x while the player glances over a shoulder, else 0.

        A person does that, and a policy that learns from the recording sees how to come back from a wrong heading.
        """
        if self._glance_frames > 0:
            self._glance_frames -= 1
            return self._glance
        self._next_glance -= 1
        if self._next_glance <= 0:
            self._next_glance = int(self._rng.integers(*_GLANCE_PAUSE))
            self._glance = float(self._rng.choice([-1, 1]) * self._rng.uniform(*_GLANCE_REACH))
            self._glance_frames = int(self._rng.integers(*_GLANCE_FRAMES))
        return 0.0

    def _nod(self) -> float:
        """Return the right stick's y, which Doom ignores: thumbs stray up and down while they turn."""
        if self._nod_frames == 0:
            self._nod_frames = int(self._rng.integers(*_NOD_FRAMES))
            self._nod_to = float(self._rng.choice(_NODS) * self._rng.uniform(-_NOD_REACH, _NOD_REACH))
        self._nod_frames -= 1
        return self._nod_to

    def _strafe(self) -> np.ndarray:
        """Return where the left stick should be: a stroll around the start, back to it when far."""
        if self._home is None:
            return np.zeros(2)
        if self._stroll_frames == 0:
            self._stroll_frames = int(self._rng.integers(*_STROLL_FRAMES))
            angle, reach = (
                self._rng.uniform(0, 2 * math.pi),
                self._rng.choice(_STROLL_REACHES, p=_STROLL_SHARES),
            )
            self._stroll = reach * np.array([math.cos(angle), math.sin(angle)])
            dx, dy = self._home[0] - self._me.position_x, self._home[1] - self._me.position_y
            if math.hypot(dx, dy) > _ROAM:
                # In the player's own axes: x right, y down the stick, that is backwards.
                heading = math.atan2(dy, dx) - math.radians(self._me.angle)
                self._stroll = max(reach, _RETURN_REACH) * np.array([-math.sin(heading), -math.cos(heading)])
        self._stroll_frames -= 1
        return self._stroll


def _effort(aim: _Aim) -> float:
    """Return what it takes to shoot an enemy; the least is chosen."""
    return abs(aim.bearing_deg) / _EFFORT_DEG + aim.distance / _EFFORT_UNITS


def _steer(bearing_deg: float) -> float:
    """Return the right stick's x that brings an enemy into the cross."""
    if abs(bearing_deg) < _AIMED_DEG:
        return 0.0
    return math.copysign(min(1.0, _LEAST_TURN + abs(bearing_deg) / _FULL_TURN_DEG), -bearing_deg)
