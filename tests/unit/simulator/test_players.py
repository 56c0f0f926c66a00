"""Players that read pictures, shown drawn ones; and the readers of memory, over bytes that are made here."""

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.games.doom_memory import DoomReader, Layout
from simulator.games.neverball import read_view
from simulator.games.openarena import probe as probe_arena
from simulator.games.variables import read_variables
from simulator.play.policies import NoOpPolicy
from simulator.play.rollout import evaluate
from simulator.scripted import make_scripted
from simulator.scripted.kobo import KoboPilot
from simulator.scripted.neverball import BallRoller
from simulator.scripted.neverball_level import Level, read_level
from simulator.scripted.powermanga import StarPilot
from simulator.scripted.supertux import TuxRunner
from simulator.scripted.tux_racer import SlopeRacer

ANY = None  # these players take nothing from their environment


def radar(*bases):
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[243:246, 556:559] = 200  # the ship
    for x, y in bases:
        picture[y - 2 : y + 3, x - 2 : x + 3] = 200
    return picture


@pytest.mark.parametrize(
    ("base", "heading"), [((600, 244), (1, 0)), ((557, 150), (0, -1)), ((520, 290), (-1, 1)), ((590, 200), (1, -1))]
)
def test_the_kobo_pilot_flies_to_the_nearest_base(base, heading):
    chunk = KoboPilot(ANY).act(radar(base, (495, 120)))
    assert tuple(np.round(chunk.sticks[0, :2] * 1.5).clip(-1, 1)) == heading
    assert chunk.buttons[0].sum() == 1


def test_the_kobo_pilot_without_a_base_rests_its_thumb():
    assert not KoboPilot(ANY).act(radar()).sticks.any()


def space(ship, *others):
    picture = np.zeros((400, 640, 3), np.uint8)
    picture[ship[1] - 16 : ship[1] + 16, ship[0] - 16 : ship[0] + 16] = (230, 30, 30)
    for x, y in others:
        picture[y - 10 : y + 10, x - 10 : x + 10] = (150, 120, 90)
    return picture


@pytest.mark.parametrize(("enemy", "sign"), [((400, 100), 1), ((100, 100), -1)])
def test_the_star_pilot_gets_below_an_enemy_and_keeps_firing(enemy, sign):
    pilot = StarPilot(ANY)
    for _ in range(3):
        chunk = pilot.act(space((250, 300), enemy))
    assert np.sign(chunk.sticks[-1, 0]) == sign
    assert chunk.buttons.sum() == chunk.num_actions


def test_the_star_pilot_steps_aside_from_what_is_near():
    pilot = StarPilot(ANY)
    for _ in range(3):
        chunk = pilot.act(space((250, 300), (290, 270)))
    assert chunk.sticks[-1, 0] < -0.5


def test_tux_runs_and_hops_and_takes_a_step_back_where_the_picture_stands_still():
    rng, runner = np.random.default_rng(0), TuxRunner(ANY)
    moving = [runner.act(rng.integers(0, 255, (90, 160, 3), dtype=np.uint8)) for _ in range(40)]
    assert min(chunk.sticks[-1, 0] for chunk in moving[3:]) > 0.7
    jumps = np.concatenate([chunk.buttons.sum(1) for chunk in moving]) - 1
    assert 0.4 < jumps.mean() < 0.95
    wall = np.full((90, 160, 3), 90, np.uint8)
    assert min(runner.act(wall).sticks[-1, 0] for _ in range(40)) < -0.5


class Bytes:
    """A memory of one block."""

    base = 4096

    def __init__(self, data):
        self.data = data

    def read(self, address, size):
        return bytes(self.data[address - self.base : address - self.base + size])

    def find(self, pattern, align=4):
        place = bytes(self.data).find(pattern)
        return () if place < 0 else (self.base + place,)

    def program_sha256(self):
        return "ab" * 32


def level(health=100):
    """Return a level of a player, a door that thinks, an imp and a medikit, in a ring."""
    memory = Bytes(bytearray(4096))
    things = [0, 400, 800, 1200]
    rows = [(7, 0, (0, 0), 0, 0, 100), (9, 0, (0, 0), 0, 0, 0), (7, 64, (96, 64), 2**30, 0x400000, 60),
            (7, 0, (-32, 0), 0, 1, 0)]  # fmt: skip
    for index, (function, kind, (x, y), angle, flags, left) in enumerate(rows):
        at, after = things[index], memory.base + things[(index + 1) % 4]
        struct.pack_into("<QQQ3i20xI68xi28xii", memory.data, at, 0, after, function, x << 16, y << 16, 0, angle, kind,
                         flags, left)  # fmt: skip
    place = 2400
    struct.pack_into("<4i4i", memory.data, place - 16, 50, 0, 0, 0, 200, 50, 300, 50)
    struct.pack_into("<3i", memory.data, place + 32, 2, 1, 0)
    struct.pack_into("<Q", memory.data, place - 184, memory.base + things[0])
    struct.pack_into("<i", memory.data, place - 140, health)
    return memory, place


def test_doom_is_read_from_its_memory():
    memory, place = level()
    reader = DoomReader(memory, Layout(thing=-184, health=-140))
    facts = reader()
    assert (facts["kills"], facts["items"], facts["health"], facts["bullets"], facts["farthest"]) == (2, 1, 100, 50, 0)
    assert "running" not in facts
    imp, medikit = reader.things()
    assert (imp.x, imp.y, imp.angle_deg, imp.health, imp.is_monster, imp.is_pickup) == (96, 64, 90, 60, True, False)
    assert (medikit.is_monster, medikit.is_pickup) == (False, True)
    struct.pack_into("<2i", memory.data, 24, 30 << 16, 40 << 16)
    assert reader()["farthest"] == 50
    struct.pack_into("<i", memory.data, place - 140, -7)
    assert (reader()["health"], reader()["running"]) == (0, 0)


def test_another_engine_is_an_error_and_not_a_wrong_fact():
    memory, _ = level(health=99)
    with pytest.raises(ValueError, match="expected one player in the program's memory, found 0"):
        DoomReader(memory, Layout(thing=-184, health=-140))


def test_variables_belong_to_one_build():
    memory = Bytes(bytearray(64))
    struct.pack_into("<i", memory.data, 12, 530)
    assert read_variables("ab" * 32, {"score": 12})(memory)() == {"score": 530.0}
    with pytest.raises(ValueError, match="expected the program with SHA-256 cdcdcdcdcdcd, got abababababab"):
        read_variables("cd" * 32, {"score": 12})(memory)


def test_kills_are_read_from_the_log_of_an_arena(tmp_path):
    assert probe_arena(tmp_path) == {"kills": 0, "deaths": 0}
    log = tmp_path / ".openarena/baseoa/games.log"
    log.parent.mkdir(parents=True)
    lines = (
        "  0:09 Kill: 1 0 8: player killed Sarge by MOD_PLASMA",
        "  0:12 Kill: 0 1 6: Sarge killed player by MOD_ROCKET",
        "  0:20 Kill: 1 1 7: player killed player by MOD_ROCKET_SPLASH",
        "  0:21 Item: 1 weapon_shotgun",
        "  0:30 Kill: 1022 1 16: <world> killed player by MOD_LAVA",
    )
    log.write_text("\n".join(lines))
    assert probe_arena(tmp_path) == {"kills": 1, "deaths": 3}


class Slope:
    """An environment of Extreme Tux Racer as its player sees it."""

    game_spec = SimpleNamespace(control_hz=60)

    def __init__(self):
        self.place = {"x": 45.0, "downhill": 0.0}
        self.backend = SimpleNamespace(launcher=SimpleNamespace(facts=lambda: self.place))


@pytest.mark.parametrize(("off", "sign"), [(10.0, -1), (-10.0, 1), (0.0, 0)])
def test_the_slope_racer_steers_back_to_the_middle_and_paddles_while_slow(off, sign):
    slope = Slope()
    racer = SlopeRacer(slope)
    assert racer.act(ANY).buttons[0].sum() == 1
    for step in range(1, 20):
        slope.place = {"x": 45.0 + off, "downhill": 3.0 * step}  # 30 m/s: fast
        chunk = racer.act(ANY)
    assert chunk.buttons.sum() == 0
    assert np.sign(np.round(chunk.sticks[-1, 0], 1)) == sign


@pytest.mark.parametrize("task", ["MyWayHome", "TakeCover"])
def test_the_doom_walker_does_what_no_op_does_not(task):
    walked, _ = evaluate(make_scripted, "Doom", task, (1001,))
    idle, _ = evaluate(lambda env: NoOpPolicy(), "Doom", task, (1001,))
    assert (walked.successes, idle.successes) == ((True,), (False,))


def a_level(version=8, letters=b"\0goal\00010\0", material_flags=0, path_flags=0):
    """Return a compiled level of two materials, a path, a body, a coin, a thing that grows the ball, and a goal."""
    counts = dict.fromkeys(range(21), 0) | {0: len(letters), 1: 1, 2: 2, 3: 3, 8: 1, 11: 1, 12: 1, 13: 3, 14: 1}
    materials = b"".join(
        struct.pack("<17fi64s", *[0.5] * 17, flags, b"mtrl/turf") + bytes(8 if flags & 512 else 0)
        for flags in (material_flags, 0)
    )
    path = struct.pack("<4f3ii", *[0.0] * 4, 1000, 0, 0, path_flags) + bytes(16 if path_flags & 1 else 0)
    items = b"".join(
        struct.pack("<3f2i", *item) for item in ((-2.5, 0.25, -3.5, 1, 1), (9, 0, 9, 2, 0), (1, 0.25, 4, 1, 5))
    )
    parts = (letters, struct.pack("<2i", 1, 6), materials, bytes(3 * 12 + 16), path, bytes(28), items)
    return (
        b"\xafSOL" + struct.pack("<22i", version, *counts.values()) + b"".join(parts) + struct.pack("<4f", 1, 0, -17, 1)
    )


@pytest.mark.parametrize("extra", [{}, {"version": 7}, {"material_flags": 512}, {"path_flags": 1}])
def test_a_level_of_neverball_is_read(tmp_path, extra):
    path = tmp_path / "level.sol"
    path.write_bytes(a_level(**extra))
    assert read_level(path) == Level(coins=((-2.5, -3.5, 1), (1, 4, 5)), goals=((1, -17),), num_needed=10)


@pytest.mark.parametrize(("data", "message"), [(b"no level", "got another file"), (a_level(version=9), "got 9"),
                                               (a_level()[:-20], "ends before its items")])  # fmt: skip
def test_what_is_no_level_of_neverball_is_an_error(tmp_path, data, message):
    path = tmp_path / "level.sol"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_level(path)


def test_the_view_of_neverball_is_found_in_its_memory():
    memory = Bytes(bytearray(200))
    with pytest.raises(ValueError, match="expected a view"):
        read_view(memory)
    struct.pack_into("<3f3f3f9f", memory.data, 40, 0.25, 0.75, 2, 3, 0.5, -4, 5, 1, -4, 0, 0, 1, 0, 1, 0, -1, 0, 0)
    assert read_view(memory)() == {"x": 3, "z": -4, "heading": pytest.approx(np.pi / 2)}  # to the right of -z: +x


class Floor:
    """A ball on an endless floor, and its environment as the player sees it; the view turns all the time."""

    game_spec = SimpleNamespace(control_hz=60)
    task = SimpleNamespace(launch={"arguments": ("-l", "level.sol")})

    def __init__(self):
        self.place, self.speed, self.heading = np.array([1.0, -1.0]), np.zeros(2), 0.0
        self.backend = SimpleNamespace(launcher=SimpleNamespace(facts=self.facts))

    def facts(self):
        return {"x": self.place[0], "z": self.place[1], "heading": self.heading}

    def step(self, stick, wall=-np.inf):
        """Let a frame pass; `wall` is a coordinate on z that the ball does not get below."""
        right = np.array([np.cos(self.heading), np.sin(self.heading)])
        ahead = np.array([np.sin(self.heading), -np.cos(self.heading)])
        self.speed += 3.4 / 60 * (stick[0] * right - stick[1] * ahead)
        self.place = self.place + self.speed / 60
        if self.place[1] < wall:
            self.place[1], self.speed[1] = wall, 0
        self.heading += 0.01


@pytest.fixture
def roll(tmp_path, monkeypatch):
    """Return what rolls a ball for 400 looks in a level that needs so many coins, and gives its trail (frames, 2)."""

    def run(num_needed, wall=-np.inf):
        (tmp_path / "level.sol").write_bytes(a_level(letters=b"\0goal\000%d\0\0" % num_needed))
        monkeypatch.setattr("simulator.scripted.neverball._DATA", tmp_path)
        floor, trail = Floor(), []
        roller = BallRoller(floor)
        for _ in range(400):
            for stick in roller.act(ANY).sticks:
                assert np.hypot(*stick[:2]) <= 1.001
                floor.step(stick, wall)
                trail.append(floor.place)
        return np.array(trail)

    return run


def test_the_ball_roller_takes_coins_that_open_the_goal_and_rolls_into_it(roll):
    trail = roll(num_needed=6)
    reached = [np.hypot(*(trail - place).T) for place in ((-2.5, -3.5), (1, 4), (1, -17))]
    first = [int(np.argmax(distance < 0.4)) for distance in reached]
    assert all(distance.min() < 0.4 for distance in reached), [float(d.min()) for d in reached]
    assert first[0] < first[1] < first[2]  # the nearest coin, the other one, then the goal


def test_the_ball_roller_leaves_a_coin_that_it_cannot_get(roll):
    trail = roll(num_needed=5, wall=-2.0)  # the nearest coin lies behind it
    assert np.hypot(*(trail - (1, 4)).T).min() < 0.4
