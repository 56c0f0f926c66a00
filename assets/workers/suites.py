"""Single episodes to look at, and suites of tasks: what `overplay play` and `overplay evaluate --suite` do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assets.workers.play import NOOP, RANDOM, SCRIPTED, Match, Played, make_player, play_match
from ops.gamepad import BENCHMARK
from ops.store.storage import Store

#: Pictures in each of a suite's films, about.
_NUM_STILLS = 18


@dataclass(frozen=True)
class Game:
    """One episode to play and look at.

    Attributes:
        player: `NOOP`, `RANDOM`, `SCRIPTED`, or where the policy is: a path, or a key of the store of the environment.
        game: name of the game.
        task: name of the task; None for the game's first one.
        seed: of the episode.
        replan_rows: see `ActorPolicy`.
        realtime: whether the game goes on while the player thinks.
        film_every: keep every so-many-th frame; 0 keeps none.
    """

    player: str
    game: str
    task: str | None
    seed: int
    replan_rows: int = 2
    realtime: bool = False
    film_every: int = 0


@dataclass(frozen=True)
class Episode:
    """How one went.

    Attributes:
        episode_return: sum of rewards.
        success: whether the task's rule held at the end.
        num_frames: control frames played.
        film: kept frames, each (height, width, 3) uint8.
        actions: table of what was played, a row per control frame, as recordings have it.
        note: in real time: how late the player's answers were, for people.
    """

    episode_return: float
    success: bool
    num_frames: int
    film: tuple[np.ndarray, ...]
    actions: Any
    note: str = ""


class _Logged:
    """A policy whose actions are kept."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.chunks: list[Any] = []

    def reset(self, seed: int) -> None:
        self.chunks.clear()
        self._policy.reset(seed)

    def act(self, observation: np.ndarray) -> Any:
        self.chunks.append(self._policy.act(observation))
        return self.chunks[-1]


def play_episode(game: Game) -> Episode:
    """Play one episode, stepped or in real time, and keep what was played.

    Raises:
        ValueError: no such game, task or player, or a game that knows no real time.
    """
    from simulator.checks.realtime import play_realtime
    from simulator.env import GameEnv
    from simulator.play.rollout import rollout

    env = GameEnv(game.game, game.task, mode="realtime" if game.realtime else "stepped")
    checkpoint = "" if game.player in (NOOP, RANDOM, SCRIPTED) else game.player
    try:
        player = make_player(game.player, Store.from_environment(), checkpoint, env, game.replan_rows)
        if game.realtime:
            live = play_realtime(player, env, game.seed, game.film_every)
            delay_ms = 1000 * float(np.median(live.delays_s)) if live.delays_s else float("nan")
            note = (
                f"{live.wall_s:.1f} s, {live.num_chunks} answers, {delay_ms:.0f} ms late in the median; "
                f"{live.num_dropped} actions came too late, {live.num_held} frames had none"
            )
            actions = _action_table(env, live.buttons, live.sticks)
            return Episode(live.episode_return, live.success, live.num_frames, tuple(live.film), actions, note)
        logged = _Logged(player)
        report = rollout(logged, env, game.seed, game.film_every)
        parts = [(chunk.buttons, chunk.sticks) for chunk in logged.chunks]
        buttons, sticks = (np.vstack([part[i] for part in parts])[: report.num_frames] for i in (0, 1))
        actions = _action_table(env, buttons, sticks)
        return Episode(report.episode_return, report.success, report.num_frames, report.film, actions)
    finally:
        env.close()


def _action_table(env: Any, buttons: np.ndarray, sticks: np.ndarray) -> Any:
    from ops.gamepad import DATASET, PadTrace
    from ops.store.tables import trace_to_table

    times = [index / env.game_spec.control_hz for index in range(len(buttons))]
    return trace_to_table(PadTrace.known(times, np.nan_to_num(DATASET.take_buttons(buttons, BENCHMARK)), sticks))


def play_suite(
    matches: Sequence[Match], folder: Path, advance: Callable[[int, int, str], None] = lambda *_: None
) -> dict[str, Any]:
    """Play one player's matches, one after the other, and return the summary that `suite.json` holds too.

    Each match leaves `<Game>-<Task>.json` and a film; one whose file answers the same question is not played again.

    Args:
        matches: of one player, on the tasks of a suite.
        folder: where the files go; made if absent.
        advance: told matches done, matches in all, and the next one.
    """
    from simulator.play.suites import suite_table

    store, results = Store(str(folder)), []
    for done, match in enumerate(matches):
        name = f"{match.game}-{match.task}"
        advance(done, len(matches), f"{match.player} {name}")
        question = {"player": match.player, "seeds": list(match.seeds), "replan_rows": match.replan_rows}
        known = store.read_json(f"{name}.json") if store.exists(f"{name}.json") else {}
        if known.get("question") != question:
            played = play_match(match)
            if match.film_every:
                store.write_bytes(f"{name}.jpg", _film(match, played))
            known = {"question": question, **played.evaluation.to_dict()}
            store.write_json(f"{name}.json", known)
        results.append(known)
    advance(len(matches), len(matches), "")
    rows = suite_table(results)
    summary = {
        "player": matches[0].player,
        "rows": rows,
        # What Dagster plots over time: one number a row.
        "metadata": {f"success/{row['what']}": row["success"] for row in rows},
        "results": results,
    }
    store.write_json("suite.json", summary)
    return summary


def _film(match: Match, played: Played) -> bytes:
    from ops.drawing.pictures import encode, film_strip

    every = max(1, len(played.film) // _NUM_STILLS)
    frames = played.film[::every]
    return encode(film_strip(frames, [f"frame {index * every * match.film_every}" for index in range(len(frames))]), 80)
