"""Named sets of judged tasks, and what a policy's results on them say by game and by kind.

A task counts where the intervals of the scripted player's success and of the random one's lie apart. Success in other
tasks says nothing about skill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simulator.games import GAMES, find_game
from simulator.games.spec import KINDS
from simulator.play.rollout import wilson_interval

Result = Mapping[str, Any]

_DOOM: Final = (
    ("Doom", "Gallery"), ("Doom", "DefendLine"), ("Doom", "DefendCenter"), ("Doom", "TakeCover"), ("Doom", "MyWayHome"),
)  # fmt: skip
_LINUX: Final = (
    ("ChocolateDoom", "Hunt"), ("ChocolateDoom", "Scout"), ("CrispyDoom", "Hunt"), ("CrispyDoom", "Scout"),
    ("KoboDeluxe", "Score"), ("SuperTux", "AntarcticaGoal"),
    ("ExtremeTuxRacer", "Descend"), ("Neverball", "Easy"), ("Neverball", "Coins"),
)  # fmt: skip

#: Name -> (game, task) pairs. `doom` needs nothing but the project's packages.
SUITES: Final[dict[str, tuple[tuple[str, str], ...]]] = {"doom": _DOOM, "linux": _LINUX, "all": (*_DOOM, *_LINUX)}


def find_suite(name: str) -> tuple[tuple[str, str], ...]:
    """Return a suite's (game, task) pairs: a named one, `Game-Task`, or all that are judged of a `Game`.

    Raises:
        ValueError: there is no such suite or game, or none of the game's tasks is judged.
    """
    if name in SUITES:
        return SUITES[name]
    game, _, task = name.partition("-")
    if task:
        return ((game, find_game(game).task(task).name),)
    if name not in GAMES:
        raise ValueError(f"there is no suite or game {name!r}; there are {', '.join((*SUITES, *GAMES))}")
    tasks = tuple((name, task.name) for task in find_game(name).tasks if task.is_judged)
    if not tasks:
        raise ValueError(f"no task of {name} is judged")
    return tasks


def suite_table(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return rows of success rates with 95 % Wilson intervals: each task, then each game, kind, and all together.

    Args:
        results: `Evaluation.to_dict()` of each task, by one policy.
    """
    kinds = {(r["game"], r["task"]): find_game(r["game"]).task(r["task"]).kind for r in results}
    games = list(dict.fromkeys(r["game"] for r in results))
    groups: list[tuple[str, str, list[Result]]] = [
        *((f"{r['game']} {r['task']}", kinds[r["game"], r["task"]], [r]) for r in results),
        *((f"game {game}", "", [r for r in results if r["game"] == game]) for game in games),
        *((f"kind {kind}", kind, [r for r in results if kinds[r["game"], r["task"]] == kind]) for kind in KINDS),
        ("all", "", list(results)),
    ]
    return [_row(name, kind, chosen) for name, kind, chosen in groups if chosen]


def counts(scripted: Result, random: Result) -> bool:
    """Return whether a task tells skill from luck: the intervals of the two success rates lie apart."""
    return bool(scripted["success_interval"][0] > random["success_interval"][1])


def _row(name: str, kind: str, results: Sequence[Result]) -> dict[str, Any]:
    successes = [bool(value) for result in results for value in result["successes"]]
    low, high = wilson_interval(sum(successes), len(successes))
    return {
        "what": name,
        "kind": kind,
        "success": sum(successes) / len(successes),
        "low": low,
        "high": high,
        "episodes": len(successes),
    }
