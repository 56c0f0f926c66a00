"""A player for the ports of Doom: walks to the nearest monster by the level's plan, turns to it, shoots; or explores.

It reads the engine's things, of monsters only what no wall hides; everything it does goes through the pad.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.games.doom_memory import DoomReader, Thing
from simulator.play.policies import ActionChunk
from simulator.protocol import Frame
from simulator.scripted.doom_map import LevelMap, load_map

if TYPE_CHECKING:
    from simulator.env import GameEnv

#: Game -> (WAD, level) of its command line.
_LEVELS: Final = {
    "ChocolateDoom": ("/usr/share/games/doom/freedoom1.wad", "E1M1"),
    "CrispyDoom": ("/usr/share/games/doom/freedoom2.wad", "MAP01"),
}
#: Map units: half of a monster's width.
_MONSTER_RADIUS: Final = 20.0
#: Map units from which monsters are shot at; by a scout, those that stand in the way.
_SHOOT_FROM: Final = 900.0
_IN_THE_WAY: Final = 250.0
#: The nearest monsters that are looked for, since each look goes through all walls.
_MAX_LOOKED_FOR: Final = 4
#: Map units within which it stops to walk towards what it shoots at.
_NEAR_ENOUGH: Final = 200.0
#: Degrees off the cross at which any monster is aimed at.
_AIMED_DEG: Final = 2.0
#: Degrees off the heading up to which it goes forward while it shoots, or runs.
_AHEAD_DEG: Final = 20.0
#: Degrees off the heading up to which it does not turn.
_STRAIGHT_DEG: Final = 4.0
#: Control frames on each side while it dodges.
_DODGE_FRAMES: Final = 40
#: Control frames between two pushes at what may be a door, and two while it gets free.
_PUSH_FRAMES: Final = 20
_FREE_PUSH_FRAMES: Final = 8
#: Points of the way from which on it runs.
_RUN_POINTS: Final = 4
#: Map units to a point of the way at which it counts as reached.
_REACHED: Final = 24.0
#: Degrees off the heading up to which it walks while it turns.
_WALK_DEG: Final = 50.0
#: Control frames between two looks.
_LOOK_FRAMES: Final = 4
#: Control frames between two plans.
_PLAN_FRAMES: Final = 60
#: Control frames that it takes to get free.
_FREE_FRAMES: Final = 24
#: Looks within which it must get on by so many map units, or is stuck.
_STUCK_LOOKS: Final = 10
_STUCK_UNITS: Final = 12.0


class DoomMarine:
    """Plays a port of Doom. Navigation tasks it walks, the others it hunts or gathers.

    Args:
        env: the environment that it will play, since it reads the engine's state.
    """

    def __init__(self, env: GameEnv) -> None:
        self._env = env
        self._map: LevelMap = load_map(*_LEVELS[env.game_spec.name])
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the way; what the player does when it is stuck follows from the seed."""
        self._rng = np.random.default_rng(seed)
        self._way: list[tuple[float, float]] = []
        self._frame, self._planned = 0, -_PLAN_FRAMES
        self._trail: list[tuple[float, float]] = []
        self._free_frames, self._free_turn = 0, 0.0
        self._goal: tuple[float, float] | None = None

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        action = self._decide()
        return ActionChunk(*(np.repeat(part, _LOOK_FRAMES, axis=0) for part in (action.buttons, action.sticks)))

    def _decide(self) -> ActionChunk:
        reader = self._env.backend.launcher.reader  # type: ignore[attr-defined]
        me: Thing = reader.me()
        self._frame += _LOOK_FRAMES
        target = self._target(reader, me)
        if target is not None:
            return self._shoot(me, target)
        return self._walk(me, self._destination(reader, me))

    def _target(self, reader: DoomReader, me: Thing) -> Thing | None:
        """Return the nearest living monster in sight; a scout takes only those that stand in the way."""
        reach = _IN_THE_WAY if self._env.task.kind == "navigation" else _SHOOT_FROM
        alive = [thing for thing in reader.things() if thing.is_monster and thing.health > 0]
        near = sorted((thing for thing in alive if _distance(me, thing) < reach), key=lambda t: _distance(me, t))
        return next(
            (thing for thing in near[:_MAX_LOOKED_FOR] if self._map.sees((me.x, me.y), (thing.x, thing.y))), None
        )

    def _shoot(self, me: Thing, target: Thing) -> ActionChunk:
        bearing, distance = _bearing(me, (target.x, target.y)), _distance(me, target)
        aimed = abs(bearing) < max(math.degrees(math.atan2(_MONSTER_RADIUS, distance)), _AIMED_DEG)
        turn = 0.0 if aimed else math.copysign(1.0, -bearing)
        forward = -1.0 if distance > _NEAR_ENOUGH and abs(bearing) < _AHEAD_DEG else 0.0
        dodge = 1.0 if (self._frame // _DODGE_FRAMES) % 2 else -1.0
        self._trail.clear()
        return ActionChunk.single(("right_trigger",) if aimed else (), (0.0 if forward else dodge, forward, turn, 0.0))

    def _destination(self, reader: DoomReader, me: Thing) -> tuple[float, float] | None:
        kind = self._env.task.kind
        if kind == "navigation":
            self._goal = self._goal or self._map.farthest((me.x, me.y))
            return self._goal
        things = [t for t in reader.things() if (t.is_monster and t.health > 0 if kind == "combat" else t.is_pickup)]
        nearest = min(things, key=lambda thing: _distance(me, thing), default=None)
        return (nearest.x, nearest.y) if nearest is not None else None

    def _walk(self, me: Thing, goal: tuple[float, float] | None) -> ActionChunk:
        if self._free_frames > 0:
            self._free_frames -= _LOOK_FRAMES
            return ActionChunk.single(
                ("south",) if self._free_frames % _FREE_PUSH_FRAMES == 0 else (), (self._free_turn, -1.0, 0.0, 0.0)
            )
        if self._is_stuck(me):
            self._free_frames, self._free_turn = _FREE_FRAMES, float(self._rng.choice([-1.0, 0.0, 1.0]))
            self._planned = -_PLAN_FRAMES
        if goal is not None and self._frame - self._planned >= _PLAN_FRAMES:
            self._way, self._planned = self._map.way((me.x, me.y), goal), self._frame
        while self._way and math.hypot(self._way[0][0] - me.x, self._way[0][1] - me.y) < _REACHED:
            self._way.pop(0)
        ahead = self._way[min(1, len(self._way) - 1)] if self._way else goal
        if ahead is None:
            return ActionChunk.single()
        bearing = _bearing(me, ahead)
        turn = 0.0 if abs(bearing) < _STRAIGHT_DEG else math.copysign(1.0, -bearing)
        push = ("south",) if self._frame % _PUSH_FRAMES == 0 else ()
        run = ("left_trigger",) if abs(bearing) < _AHEAD_DEG and len(self._way) > _RUN_POINTS else ()
        return ActionChunk.single((*push, *run), (0.0, -1.0 if abs(bearing) < _WALK_DEG else 0.0, turn, 0.0))

    def _is_stuck(self, me: Thing) -> bool:
        self._trail.append((me.x, me.y))
        if len(self._trail) < _STUCK_LOOKS:
            return False
        x, y = self._trail.pop(0)
        stuck = math.hypot(me.x - x, me.y - y) < _STUCK_UNITS
        if stuck:
            self._trail.clear()
        return stuck


def _distance(me: Thing, thing: Thing) -> float:
    return math.hypot(thing.x - me.x, thing.y - me.y)


def _bearing(me: Thing, point: tuple[float, float]) -> float:
    """Return degrees left of where the player looks, in [-180, 180)."""
    return (math.degrees(math.atan2(point[1] - me.y, point[0] - me.x)) - me.angle_deg + 180) % 360 - 180
