"""Prefixes for Windows programs, from a template that is made here; `tests/games/test_wine.py` runs the real Wine."""

import pytest

from simulator.backends.linux import wine
from simulator.native.build import NativeError


@pytest.fixture
def template(tmp_path, monkeypatch):
    made = tmp_path / "template"
    (made / "drive_c/windows/system32").mkdir(parents=True)
    (made / "drive_c/users/root").mkdir(parents=True)
    (made / "system.reg").write_text("REGEDIT4")
    for name in ("kernel32.dll", "xinput1_3.dll"):
        (made / "drive_c/windows/system32" / name).write_text(f"wine's {name}")
    (tmp_path / "ours.dll").write_text("ours")
    monkeypatch.setattr(wine, "find_wine", lambda: tmp_path / "wine64")
    monkeypatch.setattr(wine, "_template", lambda loader: made)
    monkeypatch.setattr(wine, "_xinput", lambda: tmp_path / "ours.dll")
    return made


def test_a_prefix_shares_programs_keeps_its_own_registry_and_has_our_pad(template, tmp_path):
    prefix = wine.make_prefix(tmp_path / "home")
    system = prefix / "drive_c/windows/system32"
    assert (system / "kernel32.dll").read_text() == "wine's kernel32.dll"
    assert {(system / f"{name}.dll").read_text() for name in ("xinput1_3", "xinput1_4", "xinput9_1_0")} == {"ours"}
    (prefix / "system.reg").write_text("changed")
    (prefix / "drive_c/users/root/save").write_text("mine")
    assert (template / "system.reg").read_text() == "REGEDIT4"
    assert not (template / "drive_c/users/root/save").exists()
    assert (prefix / "dosdevices/c:").resolve() == (prefix / "drive_c").resolve()


def test_what_is_missing_is_told_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(wine.shutil, "which", lambda name: None)
    with pytest.raises(NativeError, match="Wine is missing; run: apt-get install"):
        wine.find_wine()
    with pytest.raises(NativeError, match="mingw32-gcc is missing; run: apt-get install"):
        wine.compile_windows(tmp_path / "a.exe", "a.c")


def test_only_the_game_may_own_time(tmp_path):
    variables = wine.environment(tmp_path, tmp_path / "ball.exe")
    assert variables["OVERPLAY_DRIVER"] == "ball.exe"
    assert "xinput1_3" in variables["WINEDLLOVERRIDES"]
