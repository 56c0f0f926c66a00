"""A player for the Doom arenas without enemies to hunt: goes home, steps aside from fire.

It knows the level's plan and the things of the engine; everything it does goes through the pad.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.play.policies import ActionChunk
from simulator.protocol import Frame
from simulator.scripted.doom_map import LevelMap
from simulator.scripted.human import Thumb

if TYPE_CHECKING:
    from simulator.env import GameEnv

#: The engine's names of the vest and of what imps throw.
_HOME: Final = "GreenArmor"
_FIRE: Final = "DoomImpBall"
#: Degrees off the heading up to which it walks while it turns.
_WALK_DEG: Final = 40.0
#: Degrees off the heading from which the stick is at its rim.
_FULL_TURN_DEG: Final = 30.0
#: Deflection of the smallest turn, and degrees off the heading up to which it does not turn.
_LEAST_TURN: Final = 0.1
_STRAIGHT_DEG: Final = 2.0
#: Map units to a point of the way at which it counts as reached.
_REACHED: Final = 24.0
#: Control frames between two looks.
_LOOK_FRAMES: Final = 2
#: Tics between two plans.
_PLAN_TICS: Final = 30
#: Map units on either side that fire must miss by.
_MISS: Final = 60.0
#: Map units from the middle of its hall that it keeps within.
_HALL: Final = 250.0
#: Lag and tremble of the thumbs, see `Thumb`.
_LEFT_THUMB: Final = (0.6, 0.02)
_RIGHT_THUMB: Final = (0.7, 0.01)


class DoomWalker:
    """Plays the navigation and dodging tasks of the game Doom.

    Args:
        env: the environment that it will play, since it reads the engine's state.
    """

    def __init__(self, env: GameEnv) -> None:
        self._env = env
        self._map: LevelMap | None = None
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over with the hands that belong to a seed."""
        self._rng = np.random.default_rng(seed)
        self._left, self._right = Thumb(*_LEFT_THUMB), Thumb(*_RIGHT_THUMB)
        self._way: list[tuple[float, float]] = []
        self._tics, self._planned = 0, -_PLAN_TICS

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        state = self._env.backend.launcher.game.get_state()  # type: ignore[attr-defined]
        self._tics += _LOOK_FRAMES
        left, turn = self._decide(state) if state is not None else ((0.0, 0.0), 0.0)
        sticks = [
            np.concatenate([self._left.move(left, self._rng), self._right.move((turn, 0.0), self._rng)])
            for _ in range(_LOOK_FRAMES)
        ]
        buttons = np.repeat(ActionChunk.single().buttons, _LOOK_FRAMES, axis=0)
        return ActionChunk(buttons, np.asarray(sticks, np.float32))

    def _decide(self, state: Any) -> tuple[tuple[float, float], float]:
        """Return where the left stick should be, and the right one's x."""
        me = next(thing for thing in state.objects if thing.name == "DoomPlayer")
        if any(thing.name == "DoomImp" for thing in state.objects):
            return self._dodge(me, [thing for thing in state.objects if thing.name == _FIRE])
        home = next((thing for thing in state.objects if thing.name == _HOME), None)
        if home is None:
            return (0.0, 0.0), 0.0
        if self._map is None:
            self._map = _plan(state)
        return self._walk(self._map, me, (home.position_x, home.position_y))

    def _walk(self, level: LevelMap, me: Any, goal: tuple[float, float]) -> tuple[tuple[float, float], float]:
        here = (me.position_x, me.position_y)
        if self._tics - self._planned >= _PLAN_TICS:
            self._way, self._planned = level.way(here, goal), self._tics
        while self._way and math.dist(self._way[0], here) < _REACHED:
            self._way.pop(0)
        ahead = self._way[min(1, len(self._way) - 1)] if len(self._way) > 1 else goal
        bearing = (math.degrees(math.atan2(ahead[1] - here[1], ahead[0] - here[0])) - me.angle + 180) % 360 - 180
        turn = (
            math.copysign(min(1.0, _LEAST_TURN + abs(bearing) / _FULL_TURN_DEG), -bearing)
            if abs(bearing) > _STRAIGHT_DEG
            else 0.0
        )
        return (0.0, -1.0 if abs(bearing) < _WALK_DEG else 0.0), turn

    def _dodge(self, me: Any, fire: list[Any]) -> tuple[tuple[float, float], float]:
        """Step out of the line of the ball that would hit first; else drift back to the middle of the hall."""
        heading = math.radians(me.angle)
        forward, right = (math.cos(heading), math.sin(heading)), (math.sin(heading), -math.cos(heading))
        soonest, push = math.inf, 0.0
        for ball in fire:
            away = (ball.position_x - me.position_x, ball.position_y - me.position_y)
            ahead = away[0] * forward[0] + away[1] * forward[1]
            speed = -(ball.velocity_x * forward[0] + ball.velocity_y * forward[1])
            if ahead <= 0 or speed <= 0:
                continue
            tics = ahead / speed
            side = away[0] * right[0] + away[1] * right[1]
            side += tics * (ball.velocity_x * right[0] + ball.velocity_y * right[1])
            if abs(side) < _MISS and tics < soonest:
                soonest, push = tics, -1.0 if side > 0 else 1.0
        off = (me.position_x - self._start(me)[0]) * right[0] + (me.position_y - self._start(me)[1]) * right[1]
        if soonest == math.inf:
            return (float(np.clip(-off / _HALL, -1, 1)), 0.0), 0.0
        if abs(off) > _HALL and push * off > 0:
            push = -push
        return (push, 0.0), 0.0

    def _start(self, me: Any) -> tuple[float, float]:
        if self._tics <= _LOOK_FRAMES:
            self._from = (me.position_x, me.position_y)
        return self._from


def _plan(state: Any) -> LevelMap:
    """Return the plan of a level from what the engine tells of its sectors."""
    lines = [line for sector in state.sectors for line in sector.lines if line.is_blocking]
    walls, none = np.array([(line.x1, line.y1, line.x2, line.y2) for line in lines], float), np.zeros((0, 4))
    return LevelMap(walls, walls, none, none)
