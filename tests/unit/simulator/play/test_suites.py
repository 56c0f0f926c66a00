"""Suites name tasks that exist and are judged; their tables add up."""

import pytest

from simulator.games import find_game
from simulator.games.spec import KINDS
from simulator.play.suites import SUITES, counts, find_suite, suite_table


def result(game, task, successes):
    return {"game": game, "task": task, "successes": successes}


@pytest.mark.parametrize("name", SUITES)
def test_every_task_exists_and_is_judged(name):
    tasks = [find_game(game).task(task) for game, task in SUITES[name]]
    assert all(task.is_judged and task.kind in KINDS for task in tasks)
    assert len(set(SUITES[name])) == len(tasks)


def test_a_game_is_a_suite_of_its_judged_tasks():
    assert find_suite("Doom") == SUITES["doom"]
    with pytest.raises(ValueError, match="no task of MrBoom is judged"):
        find_suite("MrBoom")
    with pytest.raises(ValueError, match="no suite or game 'Tetris'; there are doom, "):
        find_suite("Tetris")


def test_rates_by_task_game_and_kind():
    rows = suite_table(
        [
            result("ChocolateDoom", "Hunt", [True, True, False, True]),
            result("ChocolateDoom", "Scout", [False] * 4),
            result("Doom", "Gallery", [True] * 4),
        ]
    )
    shown = {row["what"]: (row["success"], row["episodes"]) for row in rows}
    assert shown == {
        "ChocolateDoom Hunt": (0.75, 4),
        "ChocolateDoom Scout": (0.0, 4),
        "Doom Gallery": (1.0, 4),
        "game ChocolateDoom": (0.375, 8),
        "game Doom": (1.0, 4),
        "kind combat": (0.875, 8),
        "kind navigation": (0.0, 4),
        "all": (7 / 12, 12),
    }
    assert all(0 <= row["low"] <= row["success"] + 1e-9 <= row["high"] + 2e-9 <= 1 + 2e-9 for row in rows)


def test_a_task_counts_where_the_intervals_lie_apart():
    assert counts({"success_interval": (0.7, 1.0)}, {"success_interval": (0.0, 0.3)})
    assert not counts({"success_interval": (0.25, 0.7)}, {"success_interval": (0.0, 0.3)})
