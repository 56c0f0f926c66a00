"""Let trained policies play: the one place where `training`'s actors meet `simulator`'s environments.

Workers import this module, so it does not know Dagster.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Condition
from typing import Any

import numpy as np

from ops.gamepad import BENCHMARK
from ops.store.storage import Store

#: Players that know nothing, by the name they have in reports.
NOOP = "no-op"
RANDOM = "random"
#: Who recorded the demo's clips; it reads the game's state.
SCRIPTED = "scripted"
#: Episodes played at once: more save little and take memory (a game each).
_SIDE_BY_SIDE = 12


class ActorPolicy:
    """A `simulator.play.policies.Policy` that asks an actor again every few rows of its chunk.

    An actor's row k is meant for `action_shift + k` control periods after its frame; until then the chunk before it
    goes on. Rows last as many game frames as the two rates say.

    Args:
        actor: `training.serving.infer.PolicyActor`, or anything with its call and rates.
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
        from simulator.play.policies import ActionChunk

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
        evaluation: `simulator.play.rollout.Evaluation`.
        film: frames of the first episode, each (height, width, 3) uint8.
    """

    evaluation: Any
    film: tuple[np.ndarray, ...]


def play_match(match: Match) -> Played:
    """Play a match's episodes and return how they went."""
    from simulator.play.rollout import evaluate

    if match.checkpoint:
        return _play_together(match)
    evaluation, reports = evaluate(
        lambda env: make_player(match.player, match.store, "", env, match.replan_rows),
        match.game,
        match.task,
        match.seeds,
        film_every=match.film_every,
    )
    return Played(evaluation, reports[0].film)


def _play_together(match: Match) -> Played:
    """Play episodes side by side, so that a network looks at all of their frames at once (4x less work per frame)."""
    from simulator.env import GameEnv
    from simulator.play.rollout import rollout

    actor = _open_actor(match.store, match.checkpoint)
    reports: list[Any] = []
    spec = None
    for first in range(0, len(match.seeds), _SIDE_BY_SIDE):
        seeds = match.seeds[first : first + _SIDE_BY_SIDE]
        shared = SharedActor(actor, len(seeds))

        def play(place: int, seed: int, shared: SharedActor = shared) -> tuple[Any, GameEnv]:
            env = GameEnv(match.game, match.task)
            try:
                player = ActorPolicy(shared.seat(place), env.game_spec.control_hz, match.replan_rows)
                film_every = match.film_every if seed == match.seeds[0] else 0
                return rollout(player, env, seed, film_every), env
            finally:
                env.close()
                shared.leave(place)

        with ThreadPoolExecutor(len(seeds)) as threads:
            for report, env in threads.map(play, range(len(seeds)), seeds):
                reports.append(report)
                spec = env
    return Played(_summarize(reports, spec), reports[0].film)


def _summarize(reports: list[Any], env: Any) -> Any:
    from simulator.play.rollout import Evaluation, bootstrap_interval, wilson_interval

    returns = tuple(report.episode_return for report in reports)
    successes = tuple(report.success for report in reports)
    return Evaluation(
        game=env.game_spec.name,
        task=env.task.name,
        seeds=tuple(report.seed for report in reports),
        returns=returns,
        successes=successes,
        num_frames=tuple(report.num_frames for report in reports),
        mean_return=float(np.mean(returns)),
        return_interval=bootstrap_interval(returns),
        success_rate=float(np.mean(successes)),
        success_interval=wilson_interval(sum(successes), len(successes)),
    )


class SharedActor:
    """One actor for several episodes in threads: waits until all that still play ask, then answers them in one batch.

    The noise of a batch follows from the seeds in it, in the order of the seats: a match is the same each time, but an
    episode alone is not the same as among others.

    Args:
        actor: `training.serving.infer.PolicyActor`, or anything with its `act`, `unpack` and rates.
        num_seats: episodes.
    """

    def __init__(self, actor: Any, num_seats: int) -> None:
        self._actor = actor
        self._playing = set(range(num_seats))
        self._asked: dict[int, tuple[np.ndarray, int]] = {}
        self._answers: dict[int, Any] = {}
        self._changed = Condition()

    def seat(self, place: int) -> "Seat":
        """Return the actor as the episode at a place sees it."""
        return Seat(self, place, self._actor.horizon, self._actor.control_hz, self._actor.action_shift)

    def leave(self, place: int) -> None:
        """Wait for this episode no more."""
        with self._changed:
            self._playing.discard(place)
            self._answer_if_complete()

    def ask(self, place: int, observation: np.ndarray, seed: int) -> Any:
        """Return (buttons, sticks) for an episode's frame, once all others have asked too."""
        with self._changed:
            self._asked[place] = (observation, seed)
            self._answer_if_complete()
            self._changed.wait_for(lambda: place in self._answers)
            answer = self._answers.pop(place)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer_if_complete(self) -> None:
        if not self._asked or set(self._asked) != self._playing:
            return
        places = sorted(self._asked)
        try:
            answers = self._answer([self._asked[place] for place in places])
        except Exception as error:  # all that wait must hear of it
            answers = [error] * len(places)
        self._answers.update(zip(places, answers, strict=True))
        self._asked.clear()
        self._changed.notify_all()

    def _answer(self, asked: list[tuple[np.ndarray, int]]) -> list[Any]:
        import torch

        from training.serving.infer import fit_view

        side = self._actor.config.vision.image_px
        views = np.stack([fit_view(observation, side) for observation, _ in asked])
        noise = torch.Generator().manual_seed(
            int(np.random.SeedSequence([seed for _, seed in asked]).generate_state(1)[0])
        )
        buttons, sticks = self._actor.unpack(self._actor.act(views, noise))
        values = np.nan_to_num(BENCHMARK.take_buttons(buttons, self._actor.config.action_layout), nan=0.0)
        return list(zip(values, sticks, strict=True))


@dataclass(frozen=True)
class Seat:
    """What `ActorPolicy` is given in place of an actor of its own.

    Attributes:
        shared: answers.
        place: of the episode.
        horizon: rows per call.
        control_hz: rate of the rows.
        action_shift: row k is for (action_shift + k) / control_hz seconds after the frame.
    """

    shared: SharedActor
    place: int
    horizon: int
    control_hz: float
    action_shift: int

    def __call__(self, observation: np.ndarray, seed: int) -> Any:
        """Return (buttons, sticks) for a frame."""
        return self.shared.ask(self.place, observation, seed)


def _open_actor(store: Store, checkpoint: str) -> Any:
    import torch

    from training.serving.infer import load_policy, open_policy

    torch.set_num_threads(1)  # players run side by side
    return load_policy(checkpoint) if Path(checkpoint).exists() else open_policy(store, checkpoint)


def make_player(name: str, store: Store, checkpoint: str, env: Any, replan_rows: int) -> Any:
    """Return a `simulator.play.policies.Policy`: the one published at a key or in a local folder, or one by name.

    Args:
        name: `NOOP`, `RANDOM` or `SCRIPTED`, where there is no checkpoint.
        store: holds the checkpoint.
        checkpoint: key of a published policy, path of a checkpoint, or empty.
        env: the `simulator.env.GameEnv` it will play.
        replan_rows: see `ActorPolicy`.

    Raises:
        ValueError: there is no player of this name.
    """
    from simulator.play.policies import NoOpPolicy, RandomPolicy
    from simulator.scripted import make_scripted

    if checkpoint:
        return ActorPolicy(_open_actor(store, checkpoint), env.game_spec.control_hz, replan_rows)
    players = {NOOP: lambda _: NoOpPolicy(), RANDOM: lambda _: RandomPolicy(), SCRIPTED: make_scripted}
    if name not in players:
        raise ValueError(f"no player {name!r}; there are {', '.join(players)}, or give a checkpoint")
    return players[name](env)
