"""A suite's matches, played once each."""

from pathlib import Path

import pytest

from assets import play
from assets.play import Match, play_suite
from ops.storage import Store, to_json


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
    monkeypatch.setattr(play, "play_match", lambda match: played.append(match.task))
    assert to_json(play_suite(matches(store, (5,)), folder)) == to_json(summary)
    assert played == []
    Path(folder / "Doom-Gallery.json").unlink()
    with pytest.raises(AttributeError):  # what stands in for a match gives none
        play_suite(matches(store, (5,)), folder)
    assert played == ["Gallery"]
