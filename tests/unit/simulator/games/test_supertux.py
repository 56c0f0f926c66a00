"""Levels of SuperTux, started elsewhere."""

import pytest

from simulator.games import supertux

LEVEL = '(spawnpoint\n (name "main")\n (x 96)\n (y 512.5))\n(spawnpoint (name "other") (x 1) (y 2))'


def test_a_section_begins_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(supertux, "_LEVELS", tmp_path)
    (tmp_path / "one.stl").write_text(LEVEL)
    (tmp_path / "none.stl").write_text("(level)")
    moved = supertux.section("one.stl", 7296, 480)
    assert moved == LEVEL.replace("96", "7296", 1).replace("512.5", "480")
    with pytest.raises(ValueError, match="expected one spawn point"):
        supertux.section("none.stl", 1, 2)
