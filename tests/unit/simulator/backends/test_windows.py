"""The Windows backend against stand-ins for its three libraries. Nothing here says that it works on Windows."""

from types import SimpleNamespace

import numpy as np
import pytest

from ops.gamepad import BENCHMARK
from simulator.backends.windows import BUTTONS, WindowsBackend
from simulator.games.spec import GameSpec, InputMap, Task
from simulator.protocol import GameEndedError


class Pad:
    def __init__(self, told):
        self.told = told

    def __getattr__(self, name):
        return lambda **values: self.told.append((name, *values.values()))


class Camera:
    def __init__(self):
        self.pictures = [np.full((90, 160, 3), (10, 20, 30), np.uint8)]

    def grab(self):
        return self.pictures.pop() if self.pictures else None


class World:
    """Three libraries and a clock that moves when somebody sleeps or looks at it."""

    def __init__(self):
        self.told, self.speeds, self.now, self.camera, self.is_there = [], [], 0.0, Camera(), True
        names = SimpleNamespace(**{f"XUSB_GAMEPAD_{name}": name for name in BUTTONS.values()})
        self.modules = {
            "vgamepad": SimpleNamespace(VX360Gamepad=lambda: Pad(self.told), XUSB_BUTTON=names),
            "dxcam": SimpleNamespace(create=lambda output_color: self.camera),
            "xspeedhack": SimpleNamespace(Client=self.attach),
        }

    def attach(self, process):
        if not self.is_there:
            raise Exception(f"no {process}")
        return SimpleNamespace(set_speed=self.set_speed)

    def set_speed(self, speed):
        if not self.is_there:
            raise Exception("gone")
        self.speeds.append((speed, round(self.now, 4)))

    def look(self):
        self.now += 0.0005
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def backend(self, **options):
        task = Task("Free", "navigation", "Go.", 10.0, lambda f: 0.0, lambda f: False, launch={"process": "game.exe"})
        spec = GameSpec("Game", "Game", "windows", 32, 18, 60, InputMap(), (task,), "none")
        load = options.pop("load", self.modules.__getitem__)
        return WindowsBackend(spec, task, 32, 18, load=load, clock=(self.look, self.sleep), **options)


def test_time_runs_only_during_a_step_and_for_its_length():
    world = World()
    backend = world.backend(speed=2.0)
    backend.start(0)
    assert backend.advance(12) == 12
    (_, stopped), (speed, began), (_, ended) = world.speeds
    assert [value for value, _ in world.speeds] == [0.0, 2.0, 0.0]
    assert speed == 2.0
    assert began == stopped
    assert ended - began == pytest.approx(12 / 60 / 2, abs=0.002)
    backend.stop()
    backend.stop()
    assert [value for value, _ in world.speeds] == [0.0, 2.0, 0.0, 1.0]
    assert backend.advance(1) == 0


def test_the_pad_is_told_by_position_and_with_y_up():
    world = World()
    backend = world.backend()
    backend.start(0)
    world.told.clear()
    buttons = np.zeros(16, np.int8)
    buttons[[BENCHMARK.index(name) for name in ("west", "dpad_up", "right_trigger")]] = 1
    backend.set(buttons, np.array([0.25, -1.0, 0.0, 0.5], np.float32))
    assert world.told[0] == ("reset",)
    assert {call for call in world.told if call[0] == "press_button"} == {
        ("press_button", "X"),
        ("press_button", "DPAD_UP"),
    }
    assert ("left_trigger_float", 0.0) in world.told
    assert ("right_trigger_float", 1.0) in world.told
    assert ("left_joystick_float", 0.25, 1.0) in world.told
    assert ("right_joystick_float", 0.0, -0.5) in world.told
    assert world.told[-1] == ("update",)


def test_the_last_picture_is_kept_where_nothing_changed_and_none_at_all_is_an_error():
    world = World()
    backend = world.backend()
    backend.start(0)
    first = backend.grab()
    assert first.shape == (18, 32, 3)
    assert tuple(first[5, 5]) == (10, 20, 30)
    np.testing.assert_array_equal(backend.grab(), first)
    blind = World()
    blind.camera.pictures.clear()
    backend = blind.backend()
    backend.start(0)
    with pytest.raises(GameEndedError, match="no picture within 2 s"):
        backend.grab()


def test_what_is_missing_is_told_in_one_line():
    world = World()
    world.is_there = False
    with pytest.raises(GameEndedError, match=r"cannot attach to game\.exe: no game\.exe; start Game first"):
        world.backend().start(0)

    def nothing(name):
        raise ImportError(name)

    with pytest.raises(RuntimeError, match="needs xspeedhack; on Windows run: pip install xspeedhack"):
        world.backend(load=nothing)


def test_a_program_that_goes_ends_the_episode():
    world = World()
    backend = world.backend()
    backend.start(0)
    assert backend.facts() == {"running": 1.0}
    world.is_there = False
    with pytest.raises(GameEndedError, match="has gone: gone"):
        backend.advance(1)
    assert backend.facts() == {"running": 0.0}
