import pytest

from simulator import install
from simulator.games import GAMES
from simulator.install import game_status, machine_notes, missing_packages
from simulator.native.build import NativeError


def test_what_is_missing_is_told_with_the_command(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("simulator.install.find_program", _nothing)
    neverball, doom = game_status(GAMES["Neverball"]), game_status(GAMES["Doom"])
    assert (neverball.installed, neverball.lockable) == (False, None)
    assert neverball.note.endswith("run: apt-get install -y --no-install-recommends neverball")
    assert (doom.installed, doom.lockable, doom.note) == (True, True, "")
    wanted = missing_packages([GAMES["ChocolateDoom"], GAMES["CrispyDoom"], GAMES["Doom"]])
    assert wanted == ("xvfb", "libxtst6", "chocolate-doom", "freedoom", "crispy-doom")
    assert "apt-get install" in machine_notes()["Xvfb"]


def _nothing(name: str) -> None:
    raise NativeError(f"there is no program {name}")


def test_a_static_program_can_be_locked_on_one_kind_of_machine(monkeypatch, tmp_path):
    static = tmp_path / "static"
    # A 64-bit ELF header for x86_64 or aarch64 without program headers.
    machine = {"x86_64": 62, "aarch64": 183}[install.os.uname().machine]
    static.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + machine.to_bytes(2, "little") + bytes(44))
    monkeypatch.setattr("simulator.install.find_program", lambda name: static)
    for kind in ("x86_64", "aarch64"):
        monkeypatch.setattr("simulator.native.programs.platform.machine", lambda kind=kind: kind)
        static.write_bytes(
            static.read_bytes()[:18] + {"x86_64": 62, "aarch64": 183}[kind].to_bytes(2, "little") + bytes(44)
        )
        status = game_status(GAMES["Neverball"])
        assert (status.installed, status.lockable) == (True, kind == "x86_64")
        assert ("statically linked, which can be held on x86_64 only" in status.note) == (kind != "x86_64")


def test_without_root_nothing_is_installed(monkeypatch):
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000)
    with pytest.raises(NativeError, match=r"run: sudo apt-get install -y --no-install-recommends a b"):
        install.install(("a", "b"))
