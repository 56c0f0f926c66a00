"""policy/*: the trained policy, what it predicts on held-out videos, and how it plays."""

import time
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.support.checks import check_warning
from assets.support.folders import build_folder
from assets.support.metadata import folder_metadata, md_picture, md_table
from assets.support.naming import labelled, to_key
from assets.workers.play import NOOP, RANDOM, Match, Played, play_match
from assets.workers.training_work import TrainingJob, run_training
from ops.dataset.shards import list_shard_batches
from ops.drawing.charts import line_chart
from ops.drawing.pictures import encode, film_strip
from ops.store.layout import MANIFEST, OFFLINE, POLICY, ROLLOUTS, SHARDS, SHUFFLED
from ops.store.parallel import Mapper
from ops.store.storage import Store, to_json
from training.policy.config import EVALUATE_VERSION, TRAIN_VERSION

#: Name of the trained player in tables and charts.
TRAINED = "policy"
#: Name of the player that was trained on shuffled labels.
CONTROL = "shuffled labels"
#: Of the way that episodes are played and summed up.
_ROLLOUTS_VERSION = "1"
#: Pictures of the film strip: three rows of six.
_NUM_STILLS = 18
#: Frames from one kept picture to the next.
_FILM_EVERY = 6
#: JPEG quality of the film strip, chosen by eye.
_FILM_QUALITY = 80
#: Episodes per player and task, as in `overplay demo`. Not measured.
_NUM_EPISODES = 24
#: Seed of the first episode. Recordings use lower ones.
_FIRST_SEED = 1000

#: Name of the check that the policy plays better than chance.
BEATS_RANDOM = "beats_random"


class PolicyTraining(dg.Config):
    """How the policy is trained."""

    recipe: str = Field(
        default="tiny", description="A recipe of training.policy.recipes: tiny, small, paper, nitrogen-500m."
    )
    control: bool = Field(
        default=True, description="Also train the control experiment: the same on shuffled labels, which must not play."
    )
    num_workers: int = Field(default=1, ge=1, description="Workers that train one policy together, through Ray Train.")


class Rollouts(dg.Config):
    """What is played, and how often."""

    game: str = Field(default="Doom", description="A game of simulator.games.")
    task: str = Field(default="", description="A task of the game; empty for its first one.")
    suite: str = Field(default="", description="A suite of simulator.play.suites, in the place of one game's task.")
    num_episodes: int = Field(
        default=_NUM_EPISODES, ge=2, description="Episodes per player and task, on the same seeds."
    )
    first_seed: int = Field(
        default=_FIRST_SEED, ge=0, description="Seed of the first episode; recordings use lower ones."
    )
    replan_rows: int = Field(default=2, ge=1, description="Rows of a predicted chunk played before the next look.")


@dg.asset(**labelled(POLICY, TRAIN_VERSION, {"pytorch"}, [SHARDS], "gpu", pool="gpu"))
def checkpoint(
    context: dg.AssetExecutionContext,
    config: PolicyTraining,
    store: dg.ResourceParam[Store],
    mapper: dg.ResourceParam[Mapper],
) -> dg.MaterializeResult:
    """The trained policy: averaged weights, config and card. A killed training goes on where its checkpoint is.

    Beside it, under `policy/shuffled`, the control experiment: the same recipe on shuffled labels.
    """
    keys = [POLICY, SHUFFLED] if config.control else [POLICY]
    jobs = [TrainingJob(store, key, config.recipe, key == SHUFFLED, config.num_workers) for key in keys]
    reports = {}
    for job, report in mapper.map(run_training, jobs):
        if isinstance(report, Exception):
            raise report
        context.log.info(f"{job.key}: {report.steps} steps, loss {report.loss:.4f}, {report.wall_s:.0f} s")
        reports[job.key] = report
    report = reports[POLICY]
    facts = {
        "num_steps": report.steps,
        "resumed_from": report.resumed_from,
        "num_samples": report.num_samples,
        "loss": report.loss,
        "steps_per_s": report.steps_per_s,
    }
    curves = {TRAINED if key == POLICY else CONTROL: reports[key].metrics for key in keys}
    num_done = sum(report.changed for report in reports.values())
    wall_s = sum(report.wall_s for report in reports.values() if report.changed)
    return dg.MaterializeResult(
        metadata=folder_metadata(store.uri(POLICY), num_done, wall_s, facts, _preview_training(curves)),
        data_version=dg.DataVersion(report.fingerprint),
    )


@dg.asset(**labelled(OFFLINE, EVALUATE_VERSION, {"pytorch"}, [POLICY, SHARDS]))
def offline(store: dg.ResourceParam[Store]) -> dg.MaterializeResult:
    """What the policy predicts on held-out videos, against predictors that know nothing of the picture."""
    from training.publish import build_offline

    started, before = time.monotonic(), _fingerprint_of(store, OFFLINE)
    metrics = build_offline(store, list_shard_batches(store), POLICY, OFFLINE)
    current = _fingerprint_of(store, OFFLINE)
    rows = offline_table(metrics)
    facts = {name: value for name, value in rows[0].items() if isinstance(value, float)}
    wall_s = time.monotonic() - started
    return dg.MaterializeResult(
        metadata=folder_metadata(store.uri(OFFLINE), int(before != current), wall_s, facts, md_table(rows)),
        data_version=dg.DataVersion(current),
    )


@dg.asset(
    **labelled(ROLLOUTS, _ROLLOUTS_VERSION, {"gymnasium"}, [POLICY]),
    check_specs=[
        dg.AssetCheckSpec(
            BEATS_RANDOM,
            asset=to_key(ROLLOUTS),
            description="The policy's mean return is above random's by more than the 95 % interval of the difference.",
        )
    ],
)
def rollouts(
    config: Rollouts, store: dg.ResourceParam[Store], mapper: dg.ResourceParam[Mapper]
) -> dg.MaterializeResult:
    """Returns and success rates in the simulator on fixed seeds, beside random, no-op and the shuffled control."""
    inputs = {key: _fingerprint_of(store, key) for key in (POLICY, SHUFFLED) if _fingerprint_of(store, key)}
    matches = _matches(config, store, list(inputs))
    report = build_folder(
        store, ROLLOUTS, _ROLLOUTS_VERSION, config.model_dump(), inputs, lambda folder: _play(mapper, matches, folder)
    )
    rows, facts = report.facts["rows"], report.facts["metadata"]
    strip = store.read_bytes(f"{ROLLOUTS}/film.jpg")
    return dg.MaterializeResult(
        metadata=folder_metadata(
            store.uri(ROLLOUTS),
            report.num_done,
            report.wall_s,
            facts,
            md_table(rows) + md_picture(strip, "One episode"),
        ),
        data_version=dg.DataVersion(report.content),
        check_results=[
            check_warning(
                BEATS_RANDOM,
                report.facts["beats_random"][TRAINED],
                {name: bool(value) for name, value in report.facts["beats_random"].items()},
            )
        ],
    )


def _fingerprint_of(store: Store, key: str) -> str:
    try:
        return str(store.read_json(f"{key}/{MANIFEST}")["fingerprint"])
    except FileNotFoundError:
        return ""


def _matches(config: Rollouts, store: Store, keys: list[str]) -> list[Match]:
    """Return the matches, those of slow players first."""
    if POLICY not in keys:
        raise FileNotFoundError(f"no policy in {store.uri(POLICY)}; materialize {POLICY} first")
    from simulator.play.suites import find_suite

    tasks = find_suite(config.suite) if config.suite else ((config.game, config.task or None),)
    seeds = tuple(range(config.first_seed, config.first_seed + config.num_episodes))
    players = {TRAINED: POLICY, CONTROL: SHUFFLED if SHUFFLED in keys else "", RANDOM: "", NOOP: ""}
    return [
        Match(name, store, key, game, task, seeds, config.replan_rows, _FILM_EVERY if name == TRAINED else 0)
        for name, key in players.items()
        if key or name in (RANDOM, NOOP)
        for game, task in tasks
    ]


def _play(mapper: Mapper, matches: list[Match], folder: Path) -> dict[str, Any]:
    played: dict[str, list[Played]] = {}
    for match, result in mapper.map(play_match, matches):
        if isinstance(result, Exception):
            raise result
        played.setdefault(match.player, []).append(result)
    names = list(dict.fromkeys(match.player for match in matches))
    results = {name: [one.evaluation.to_dict() for one in played[name]] for name in names}
    is_suite = len(results[TRAINED]) > 1
    players = results if is_suite else {name: ones[0] for name, ones in results.items()}
    (folder / "evaluations.json").write_bytes(to_json(players))
    film = played[TRAINED][0].film
    stills = range(0, len(film), max(1, len(film) // _NUM_STILLS))
    texts = [f"frame {number * _FILM_EVERY}" for number in stills]
    (folder / "film.jpg").write_bytes(
        encode(film_strip([film[number] for number in stills], texts), quality=_FILM_QUALITY)
    )
    if is_suite:
        return suite_facts(results)
    from simulator.play.rollout import beats

    evaluations = {name: played[name][0].evaluation for name in names}
    beaten = {name: beats(evaluations[name], evaluations[RANDOM]) for name in names if name != RANDOM}
    returns = {f"return_{name.replace(' ', '_')}": player["mean_return"] for name, player in players.items()}
    return {"players": players, "rows": rollout_table(players), "metadata": returns, "beats_random": beaten}


def suite_facts(results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what a suite's results say, by player: rows by task, game and kind, numbers to plot, who beats random.

    Args:
        results: `Evaluation.to_dict()` of each task, by player; the policy and the random one are among them.
    """
    from simulator.play.suites import suite_table

    tables = {name: suite_table(ones) for name, ones in results.items()}
    everything = {name: table[-1] for name, table in tables.items()}
    return {
        "players": results,
        "rows": [{"player": name, **row} for name in sorted(tables, key=_rank) for row in tables[name]],
        "metadata": {
            **{f"success/{row['what']}": row["success"] for row in tables[TRAINED]},
            **{f"success_{name.replace(' ', '_')}": row["success"] for name, row in everything.items()},
        },
        "beats_random": {
            name: row["low"] > everything[RANDOM]["high"] for name, row in everything.items() if name != RANDOM
        },
    }


def rollout_table(players: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row per player: mean return and success rate with 95 % intervals."""
    return [
        {
            "player": name,
            "mean return": player["mean_return"],
            "95 %": "{:.3g} to {:.3g}".format(*player["return_interval"]),
            "success": player["success_rate"],
            "success 95 %": "{:.2f} to {:.2f}".format(*player["success_interval"]),
            "episodes": len(player["returns"]),
        }
        for name, player in sorted(players.items(), key=lambda item: _rank(item[0]))
    ]


def _rank(player: str) -> int:
    """Return a player's place in tables: what is judged, then its control, then those that know nothing."""
    order = (TRAINED, CONTROL, RANDOM, NOOP)
    return order.index(player) if player in order else len(order)


def offline_table(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row per predictor: policy first, then the baselines."""
    return [
        {"predictor": name, **{score: entry["value"] for score, entry in scores.items()}}
        for name, scores in sorted(metrics["scores"].items(), key=lambda item: (item[0] != TRAINED, item[0]))
    ]


def _preview_training(curves: dict[str, list[dict[str, Any]]]) -> str:
    return md_picture(encode(training_curve(curves)), "Training loss")


def training_curve(curves: dict[str, list[dict[str, Any]]]) -> Any:
    """Return the chart of the loss over steps, a line per run."""
    lines = {name: ([row["step"] for row in rows], [row["loss"] for row in rows]) for name, rows in curves.items()}
    return line_chart(lines, "Training loss", "step")
