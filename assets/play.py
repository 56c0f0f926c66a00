"""Let trained policies play: the one place where `training`'s actors meet `simulator`'s environments.

Workers import this module, so it does not know Dagster.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ops.storage import Store

#: Players that know nothing, by the name they have in reports.
NOOP = "no-op"
RANDOM = "random"
#: Who recorded the demo's clips; it reads the game's state.
SCRIPTED = "scripted"


class ActorPolicy:
    """A `simulator.policies.Policy` that asks an actor again every few rows of its chunk.

    An actor's row k is meant for `action_shift + k` control periods after its frame; until then the chunk before it
    goes on. Rows last as many game frames as the two rates say.

    Args:
        actor: `training.infer.PolicyActor`, or anything with its call and rates.
        game_hz: control frames per second of the game.
        replan_rows: rows played before the next look, at least 1.
    """

    def __init__(self, actor: Any, game_hz: float, replan_rows: int) -> None:
        if not 1 <= replan_rows <= actor.horizon:
            raise ValueError(f"replan_rows must be in 1..{actor.horizon} (the actor's horizon), got {replan_rows}")
        self._actor, self._replan_rows = actor, replan_rows
        self._num_repeats = max(1, round(game_hz / actor.control_hz))
        self._rng = np.random.default_rng(0)
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def reset(self, seed: int) -> None:
        """Forget the chunk before, and seed the noise."""
        self._rng = np.random.default_rng(seed)
        self._before = None

    def act(self, observation: np.ndarray) -> Any:
        """Return the actions to play from this frame on, (height, width, 3) uint8 RGB."""
        from simulator.policies import ActionChunk

        now = self._actor(observation, int(self._rng.integers(2**31)))
        before = self._before or now
        shift, num_rows = self._actor.action_shift, self._replan_rows
        rows = []
        for period in range(num_rows):
            if period >= shift:
                rows.append((now, period - shift))
            else:  # what the chunk before planned for this time
                first = num_rows + period - shift if self._before else 0
                rows.append((before, min(max(first, 0), self._actor.horizon - 1)))
        self._before = now
        buttons, sticks = (np.stack([chunk[part][row] for chunk, row in rows]) for part in (0, 1))
        buttons, sticks = (np.repeat(values, self._num_repeats, axis=0) for values in (buttons, sticks))
        return ActionChunk((buttons > 0.5).astype(np.int8), sticks.astype(np.float32))


@dataclass(frozen=True)
class Match:
    """One player's episodes of a task; picklable.

    Attributes:
        player: `NOOP`, `RANDOM`, or a name for the policy at `checkpoint`.
        store: holds the checkpoint.
        checkpoint: key of a published policy; empty for those that know nothing.
        game: name of the game.
        task: name of the task; None for the game's first one.
        seeds: one episode each.
        replan_rows: see `ActorPolicy`.
        film_every: keep every so-many-th frame of the first episode; 0 keeps none.
    """

    player: str
    store: Store
    checkpoint: str
    game: str
    task: str | None
    seeds: tuple[int, ...]
    replan_rows: int = 2
    film_every: int = 0


@dataclass(frozen=True)
class Played:
    """What a match gave.

    Attributes:
        evaluation: `simulator.rollout.Evaluation`.
        film: frames of the first episode, each (height, width, 3) uint8.
    """

    evaluation: Any
    film: tuple[np.ndarray, ...]


def play_match(match: Match) -> Played:
    """Play a match's episodes and return how they went."""
    from simulator.rollout import evaluate

    def make_policy(env: Any) -> Any:
        return make_player(match.player, match.store, match.checkpoint, env, match.replan_rows)

    evaluation, reports = evaluate(make_policy, match.game, match.task, match.seeds, film_every=match.film_every)
    return Played(evaluation, reports[0].film)


def make_player(name: str, store: Store, checkpoint: str, env: Any, replan_rows: int) -> Any:
    """Return a `simulator.policies.Policy`: the one published at a key or in a local folder, or one by name.

    Args:
        name: `NOOP`, `RANDOM` or `SCRIPTED`, where there is no checkpoint.
        store: holds the checkpoint.
        checkpoint: key of a published policy, path of a checkpoint, or empty.
        env: the `simulator.env.GameEnv` it will play.
        replan_rows: see `ActorPolicy`.

    Raises:
        ValueError: there is no player of this name.
    """
    from simulator.policies import NoOpPolicy, RandomPolicy
    from simulator.scripted import make_scripted

    if checkpoint:
        import torch

        from training.infer import load_policy, open_policy

        torch.set_num_threads(1)  # players run side by side
        actor = load_policy(checkpoint) if Path(checkpoint).exists() else open_policy(store, checkpoint)
        return ActorPolicy(actor, env.game_spec.control_hz, replan_rows)
    players = {NOOP: lambda _: NoOpPolicy(), RANDOM: lambda _: RandomPolicy(), SCRIPTED: make_scripted}
    if name not in players:
        raise ValueError(f"no player {name!r}; there are {', '.join(players)}, or give a checkpoint")
    return players[name](env)
