import math

from ops.dataset.figures import control_table, funnel_table, games_by_hours, hours_table
from ops.dataset.statistics import STAGES, Amount, Statistics

HOUR = 3600.0


def test_the_funnel_has_a_row_per_stage_and_the_largest_loss_first():
    statistics = Statistics()
    statistics.funnel["found"] = Amount(3, 2 * HOUR)
    statistics.lost["located"] = {"rejected: a": Amount(1, HOUR), "failed: b": Amount(2, 3 * HOUR)}
    table = funnel_table(statistics).set_index("stage")
    assert list(table.index) == list(STAGES)
    assert (table.loc["found", "videos"], table.loc["found", "hours"]) == (3, 2.0)
    assert table.loc["located", "lost to"] == "failed: b (2, 3.00 h); rejected: a (1, 1.00 h)"


def test_hours_are_sorted_and_what_is_beyond_is_one_row():
    seconds = {"b": HOUR, "a": HOUR, "c": 3 * HOUR, "d": HOUR / 2}
    whole = hours_table(seconds, "game")
    assert list(whole["game"]) == ["c", "a", "b", "d"] and list(whole["kept hours"]) == [3, 1, 1, 0.5]
    short = hours_table(seconds, "game", most=2)
    assert list(short["game"]) == ["c", "a", "2 more"] and list(short["kept hours"]) == [3, 1, 1.5]
    assert hours_table({}, "game").empty


def test_a_game_of_just_an_hour_is_in_the_next_class():
    statistics = Statistics()
    statistics.kept_seconds["game"] = {"a": HOUR, "b": HOUR - 1, "c": 1000 * HOUR, "d": 99 * HOUR}
    assert list(games_by_hours(statistics).values()) == [1, 1, 1, 0, 1]
    assert set(games_by_hours(Statistics()).values()) == {0}


def test_shares_of_what_no_frame_tells_are_unknown():
    statistics = Statistics(num_frames=10)
    statistics.known["south"], statistics.active["south"] = 5, 2
    table = control_table(statistics).set_index("control")
    assert (table.loc["south", "known"], table.loc["south", "active"]) == (0.5, 0.4)
    assert table.loc["east", "known"] == 0 and math.isnan(table.loc["east", "active"])
    assert control_table(Statistics())["known"].isna().all()
