"""A suite's matches, played once each."""

from pathlib import Path

import numpy as np
import pytest

from assets.workers import suites
from assets.workers.play import Match
from assets.workers.suites import Game, play_episode, play_suite
from ops.gamepad import DATASET, PadTrace
from ops.store.storage import Store, to_json
from ops.store.tables import trace_to_table

NOTHING = PadTrace.known([0.0], np.zeros((1, DATASET.num_buttons)), np.zeros((1, 4)))


def matches(store: Store, seeds: tuple[int, ...]) -> list[Match]:
    return [Match("no-op", store, "", "Doom", task, seeds, film_every=30) for task in ("Gallery", "DefendLine")]


def test_a_suite_leaves_a_summary_and_films_and_plays_nothing_twice(tmp_path, monkeypatch):
    store, folder = Store(str(tmp_path / "home")), tmp_path / "suite"
    told: list[int] = []
    summary = play_suite(matches(store, (5,)), folder, lambda done, total, text: told.append(done))
    assert told == [0, 1, 2]
    assert (folder / "suite.json").read_bytes() == to_json(summary)
    assert {path.name for path in folder.glob("*.jpg")} == {"Doom-Gallery.jpg", "Doom-DefendLine.jpg"}
    assert summary["metadata"]["success/all"] == 0
    assert [row["what"] for row in summary["rows"]][-1] == "all"
    played: list[str | None] = []
    monkeypatch.setattr(suites, "play_match", lambda match: played.append(match.task))
    assert to_json(play_suite(matches(store, (5,)), folder)) == to_json(summary)
    assert played == []
    Path(folder / "Doom-Gallery.json").unlink()
    with pytest.raises(AttributeError):  # what stands in for a match gives none
        play_suite(matches(store, (5,)), folder)
    assert played == ["Gallery"]


def test_an_episode_tells_what_was_played():
    episode = play_episode(Game("random", "Doom", "Gallery", seed=3, film_every=100))
    assert (episode.num_frames, episode.actions.num_rows, len(episode.film)) == (450, 450, 5)
    assert 0.3 < np.mean(episode.actions["south"].to_pylist()) < 0.7
    assert episode.actions.column_names == trace_to_table(NOTHING).column_names
