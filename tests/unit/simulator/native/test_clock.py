"""Time under the library: who moves it, who waits for it, and that pauses and speed of the machine change nothing."""

import os
import platform
import subprocess
import time

import pytest

from simulator.native.build import build
from tests.unit.simulator.native.conftest import DT_NS

EPOCH_S = 1_000_000_000


def cpu_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 (a pseudo-file)
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("sanitize", ["", "undefined"])
def test_sleeps_take_exactly_their_time_on_every_clock(start, compile_toy, sanitize):
    library = str(build(sanitize).library)
    lines = start(compile_toy("clocks"), epoch_ns=EPOCH_S * 10**9, environment={"LD_PRELOAD": library}).run()
    assert lines[0] == f"start {1000 * 10**6} {EPOCH_S * 10**6}"
    shown = [[int(value) for value in line.split()] for line in lines[1:]]
    for row, passed_us in zip(shown, (10_000, 20_000, 30_000, 40_000, 1_040_000), strict=True):
        assert row == [passed_us] * 4 + [passed_us // 10**6, passed_us]


def test_readings_and_sleeps_are_counted(start, compile_toy):
    toy = start(compile_toy("clocks"))
    toy.run()
    counted = toy.page.counters()
    assert (counted["queries"], counted["sleeps"]) == (3 + 5 * 6 + 1, 5)  # as clocks.c makes them
    assert (counted["worker_waits"], counted["presents"], counted["stalls"]) == (0, 0, 0)


def test_a_step_stops_at_its_limit_and_a_frozen_program_costs_nothing(start, compile_toy):
    toy = start(compile_toy("clocks"))
    assert toy.step()
    before = (toy.page.fields.now_ns, cpu_ticks(toy.process.pid), dict(toy.page.counters()))
    assert before[0] == DT_NS
    time.sleep(1.0)
    assert (toy.page.fields.now_ns, dict(toy.page.counters())) == (before[0], before[2])
    assert cpu_ticks(toy.process.pid) - before[1] <= 1


def test_a_program_that_only_reads_the_clock_moves_it_by_the_same_readings_each_time(start, compile_toy):
    first = start(compile_toy("busy"))
    lines = first.run()
    assert [int(line.split()[1]) for line in lines] == [20_000_000, 40_000_000, 60_000_000, 80_000_000]
    assert first.page.counters()["busy_waits"] == 8_000
    assert start(compile_toy("busy")).run() == lines


def test_other_threads_sleep_by_the_drivers_time(start, compile_toy):
    lines = start(compile_toy("threads"), settle=True).run()
    ticks, mains = ([line for line in lines if line.startswith(name)] for name in ("tick", "main"))
    assert ticks == [f"tick {5 * i}" for i in range(1, 9)]
    assert mains == [f"main {10 * i}" for i in range(1, 7)]
    assert lines.index("tick 15") < lines.index("main 20")
    assert lines[-1] == "joined 60"


def test_a_thread_that_all_wait_for_may_move_time(start, compile_toy):
    toy = start(compile_toy("threads", define="JOIN"))
    lines = toy.run()
    assert lines == [f"tick {5 * i}" for i in range(1, 9)] + ["joined 40"]
    assert toy.page.counters()["stalls"] == 8


def test_a_step_of_real_time_ends_though_the_driver_waits_for_a_sleeping_thread(start, compile_toy):
    toy = start(compile_toy("threads", define="JOIN"), mode="clamped")
    assert toy.run()[-1].startswith("joined ")


def test_timed_waits_run_out_at_their_time_and_work_of_threads_costs_none(start, compile_toy):
    lines = start(compile_toy("waits")).run()
    assert lines == [line for kind in "cspef" for line in (f"{kind} 0 25", f"{kind} 1 0")]


def test_off_is_real_time(start, compile_toy):
    toy = start(compile_toy("clocks"), mode="off")
    began = time.monotonic()
    assert toy.process.wait(timeout=20) == 0
    assert time.monotonic() - began > 1.0
    assert abs(int(toy.lines()[0].split()[2]) / 1e6 - time.time()) < 60


def test_off_with_a_refresh_is_a_monitor(start, compile_toy):
    paced, free = (
        start(compile_toy("gl", "gl"), mode="off", vsync=vsync, dt_ns=50_000_000) for vsync in ("always", "auto")
    )
    took = []
    for toy in (paced, free):
        assert toy.process.wait(timeout=20) == 0
        shown = [int(line.split()[0]) for line in toy.lines()]
        took.append((shown[-1] - shown[0]) % 1_000_000)
        assert toy.page.counters()["presents"] == 5
    assert took[0] > 3 * 50_000 > took[1]


def test_clamped_time_is_real_time_that_can_be_held(start, compile_toy):
    toy = start(compile_toy("clocks"), mode="clamped", speed=10.0)
    assert toy.step()
    time.sleep(0.3)
    assert toy.page.fields.now_ns == DT_NS
    began = time.monotonic()
    lines = toy.run()
    assert 0.08 < time.monotonic() - began < 15  # 1.04 s of game time, ten times as quick at best
    assert int(lines[-1].split()[0]) >= 1_040_000


def test_equal_seeds_give_equal_dice_and_children_inherit_them(start, compile_toy, tmp_path):
    toy = compile_toy("dice")
    one, again, other = (start(toy, seed=seed, epoch_ns=EPOCH_S * 10**9) for seed in (1, 1, 2))
    lines = one.run()
    assert [line.split()[0] for line in lines] == ["parent", "child"]
    assert len({value for line in lines for value in line.split()[1:5]}) == 8
    assert lines[1].split()[5] == str(EPOCH_S)
    assert {line.split()[6] for line in lines} == {str(tmp_path)}
    assert again.run() == lines
    assert set(other.run()).isdisjoint(lines)
    assert one.page.fields.num_processes == 2


def test_a_page_of_another_version_is_refused_in_one_line(start, compile_toy, tmp_path):
    path = tmp_path / "page"
    path.write_bytes(b"x" * 4096)
    toy = start(compile_toy("clocks"), environment={"OVERPLAY_PAGE": str(path)})
    assert toy.process.wait(timeout=20) == 127
    assert toy.lines() == [f"overplay: cannot use the clock page {path}: it was written by another version of overplay"]
    assert os.path.exists(path)  # noqa: PTH110


@pytest.mark.skipif(platform.machine() != "x86_64", reason="static programs are held on x86_64 only")
@pytest.mark.parametrize("sanitize", ["", "undefined"])
def test_a_static_program_is_held_by_the_tracer(start, compile_toy, sanitize):
    try:
        toy = compile_toy("static", flags=("-static",))
    except subprocess.CalledProcessError:
        pytest.skip("the C library cannot be linked statically here")
    runs = []
    for seed in (5, 5, 6):
        running = start(build(sanitize).tracer, toy, seed=seed, environment={"LD_PRELOAD": ""})
        while running.step():
            assert running.page.counters()["sleeps"] <= 13
        assert running.process.returncode == 5
        runs.append(running.lines())
    assert runs[0] == runs[1] != runs[2]
    assert runs[0][0].endswith(" 1000000000 0")
    assert [int(line.split()[0]) for line in runs[0][1:]] == [DT_NS // 1000 * frame for frame in range(12)]
    assert [int(line.split()[1]) for line in runs[0][1:]] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    busy = start(build(sanitize).tracer, toy, "busy", environment={"LD_PRELOAD": ""})
    while busy.step(20):
        pass
    assert busy.page.counters()["busy_waits"] > 900
