"""The leak report says what grew and what was left."""

import dataclasses
import socket
import subprocess
import sys

from simulator.checks.soak import Seen, Use, leaks, measure, show

CALM = Use(30.0, 100, 12, 400.0, 80, 4, 4)
REST = Use(0.0, 0, 0, 90.0, 10, 0, 0)


def test_growth_and_remains_are_told():
    assert leaks(REST, CALM, CALM, REST) == []
    late = dataclasses.replace(CALM, rss_mib=500.0, descriptors=120)
    after = dataclasses.replace(REST, processes=2, folders=1)
    assert leaks(REST, CALM, late, after) == [
        "processes left: 0 before, 2 after",
        "folders left: 0 before, 1 after",
        "memory grew from 400.0 to 500.0 MiB",
        "descriptors grew from 80 to 120",
    ]


def test_processes_below_ours_are_counted_with_their_memory():
    before = measure()
    child = subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(64 << 20)\nprint(1, flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        child.stdout.readline()
        during = measure()
    finally:
        child.communicate(b"\n")
    assert during.processes == before.processes + 1
    assert during.rss_mib > before.rss_mib + 60
    assert measure().processes == before.processes


def test_only_what_our_games_leave_is_counted(tmp_path):
    """A socket that somebody serves is a display in use, one that nobody serves was left."""
    seen = Seen()
    for name in ("served", "left"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / name))
        server.listen()
        seen._displays.add(tmp_path / name)
        if name == "left":
            server.close()
        else:
            open_server = server
    seen._displays.add(tmp_path / "gone")
    seen._folders = {tmp_path, tmp_path / "gone"}
    assert seen.left() == (1, 1)
    open_server.close()


def test_the_report_is_a_table_that_fits_into_a_file(capsys):
    moments = dict.fromkeys(("before", "early", "late", "after"), dataclasses.asdict(CALM))
    show({"environment": "overplay/KoboDeluxe-Score-v0", **moments, "leaks": ["processes left: 0 before, 2 after"]})
    shown = capsys.readouterr().out
    assert all(field.name in shown for field in dataclasses.fields(Use))
    assert "processes left: 0 before, 2 after" in shown
    assert max(map(len, shown.splitlines())) <= 120
