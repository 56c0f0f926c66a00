"""Score files of all users move into the private home."""

from pathlib import Path


def test_shared_scores_are_kept_below_the_home(start, compile_toy, tmp_path):
    (tmp_path / "var/games").mkdir(parents=True)
    assert start(compile_toy("scores")).run() == ["0 1 2 0 -1 0 7 3"]
    assert (tmp_path / "var/games/overplay-toy/best").read_text() == "1200\n7\n"
    assert not Path("/var/games/overplay-toy").exists()


def test_without_a_home_nothing_moves(start, compile_toy, tmp_path):
    (tmp_path / "var/games").mkdir(parents=True)
    toy = start(compile_toy("scores"), environment={"HOME": str(tmp_path / "elsewhere")})
    assert toy.run()[0].startswith("-1 0")
    assert not list((tmp_path / "var/games").iterdir())
