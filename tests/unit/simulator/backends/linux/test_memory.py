"""Facts that are read from a running program's memory."""

import struct
import subprocess
import sys

import pytest

from simulator.backends.linux.memory import ProcessMemory
from simulator.protocol import GameEndedError
from tests.unit.simulator.toy import TOY

PROGRAM = """
#include <stdio.h>
#include <unistd.h>
volatile int known[3] = {11400714, 81985529, 19088743}, counter = 7;
static volatile int zero[50000];
int main(void) {
  zero[49999] = 424242421;
  puts("ready");
  fflush(stdout);
  getchar();
  return (int)zero[0];
}
"""


@pytest.fixture
def running(tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    subprocess.run(["cc", "-o", tmp_path / "program", tmp_path / "program.c"], check=True)
    process = subprocess.Popen([tmp_path / "program"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def test_variables_are_found_with_and_without_first_values(running):
    memory = ProcessMemory(running.pid)
    (place,) = memory.find(struct.pack("<3i", 11400714, 81985529, 19088743))
    assert struct.unpack("<4i", memory.read(place, 16)) == (11400714, 81985529, 19088743, 7)
    assert len(memory.find(struct.pack("<i", 424242421))) == 1
    assert memory.find(struct.pack("<3i", 1, 81985529, 19088743)) == ()
    with pytest.raises(OSError, match=r"."):
        memory.read(1, 4)
    running.kill()
    running.wait()
    with pytest.raises(OSError, match=r"."):
        memory.read(place, 4)
    memory.close()
    memory.close()


def test_a_reader_adds_facts_and_may_end_the_attempt(make_toy):
    seen = []

    def inspect(memory):
        seen.append(memory)
        return lambda: {"score": 4.0, "running": 0.0}

    toy = make_toy(inspect=inspect)
    toy.launcher.start(0)
    assert (toy.launcher.facts()["score"], toy.launcher.facts()["running"]) == (4.0, 0.0)
    assert len(seen) == 1
    assert seen[0].find(struct.pack("<Q", 0x123456789ABCDEF1)) == ()


def test_another_version_of_the_program_is_told(make_toy):
    def inspect(memory):
        raise ValueError("expected one player, found 0")

    with pytest.raises(GameEndedError, match="expected one player, found 0; is it another version"):
        make_toy(inspect=inspect).launcher.start(0)


def test_idle_frames_differ_by_seed(make_toy):
    shown = []
    for seed in (1, 4):
        toy = make_toy(idle_frames=5, command=(sys.executable, str(TOY), "{width}", "{height}"))
        toy.launcher.start(seed)
        shown.append(toy.launcher.facts()["presents"])
    assert shown[1] - shown[0] == pytest.approx(3, abs=1)


def test_a_task_brings_files_of_its_own(make_toy):
    toy = make_toy(launch={"files": {"levels/one.txt": lambda: "{not a field}"}})
    toy.launcher.start(0)
    assert (toy.session.running.home / "levels/one.txt").read_text() == "{not a field}"
