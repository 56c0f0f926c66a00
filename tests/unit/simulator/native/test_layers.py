"""The files of the clock library use each other in one direction only, told by what their compiled forms lack."""

import shutil
import subprocess
from graphlib import TopologicalSorter

import pytest

from simulator.native.build import FLAGS, LIBRARY, SOURCES, find_compiler


def symbols(path):
    """Return (what a compiled file gives to others, what it takes from them)."""
    shown = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split()[-2:] for line in shown.splitlines()]
    return {name for kind, name in rows if kind in "TDBRVWC"}, {name for kind, name in rows if kind == "U"}


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm of binutils")
def test_no_two_files_use_each_other(tmp_path):
    given, taken = {}, {}
    for source in LIBRARY:
        out = tmp_path / f"{source}.o"
        command = [find_compiler(), *FLAGS, "-fPIC", "-fvisibility=hidden", "-c", SOURCES / source, "-o", out]
        subprocess.run(command, check=True)
        given[source], taken[source] = symbols(out)
    uses = {file: {other for other in LIBRARY if other != file and taken[file] & given[other]} for file in LIBRARY}
    order = list(TopologicalSorter(uses).static_order())  # raises CycleError
    assert order.index("page.c") < order.index("pad.c") < order.index("clock.c") < order.index("waits.c")
    assert uses["page.c"] == {"resolve.c"}
    assert uses["resolve.c"] == set()
