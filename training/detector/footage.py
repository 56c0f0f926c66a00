"""Recorded scenes that anybody can make again: random walks through Freedoom's maps, and scikit-image's pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from ops.skins.template import Pixels

#: Pictures of scikit-image that are photographs or textures (public domain or CC0, as its README says).
_PICTURES = (
    "coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "gravel.png", "brick.png",
    "grass.png", "hubble_deep_field.jpg", "camera.png", "coins.png", "moon.png", "page.png", "ihc.png",
)  # fmt: skip
#: Freedoom's second part has so many maps.
_MAPS = 32
#: Frames that are kept of a walk.
_FRAMES = 60
#: Game tics from one kept frame to the next.
_SKIP = 12


def pictures() -> list[Pixels]:
    """Return photographs and textures, (h, w, 3) uint8 RGB each."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    found = [cv2.imread(str(folder / name), cv2.IMREAD_COLOR) for name in _PICTURES]
    return [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in found if picture is not None]


def doom_walks(cache: Path, seed: int = 0) -> list[Pixels]:
    """Return random walks through Freedoom's maps, each (n, h, w, 3) uint8 RGB, recorded once into a cache file."""
    if not cache.exists():
        walks = [_walk(number, seed) for number in range(1, _MAPS + 1)]
        np.save(cache, np.concatenate([walk for walk in walks if len(walk) == _FRAMES]))
    frames = np.load(cache, mmap_mode="r")
    return [frames[start : start + _FRAMES] for start in range(0, len(frames), _FRAMES)]


def _walk(number: int, seed: int) -> Pixels:
    with tempfile.TemporaryDirectory() as folder:
        return _walk_in(Path(folder), number, seed)


def _walk_in(folder: Path, number: int, seed: int) -> Pixels:
    import vizdoom

    game = vizdoom.DoomGame()
    game.set_doom_config_path(str(folder / "engine.ini"))
    game.load_config(str(Path(vizdoom.scenarios_path) / "freedoom2.cfg"))
    game.set_doom_map(f"map{number:02d}")
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.add_game_args("-nosound")
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_400X300)
    game.set_render_hud(number % 4 != 0)
    game.set_seed(seed + number)
    game.set_available_buttons(
        [vizdoom.Button.MOVE_FORWARD, vizdoom.Button.TURN_LEFT, vizdoom.Button.TURN_RIGHT, vizdoom.Button.ATTACK]
    )
    game.init()
    rng = np.random.default_rng(seed + number)
    frames: list[Pixels] = []
    try:
        game.new_episode()
        while len(frames) < _FRAMES:
            if game.is_episode_finished():
                game.new_episode()
            frames.append(np.array(game.get_state().screen_buffer))
            action = [rng.random() < 0.8, rng.random() < 0.3, rng.random() < 0.3, rng.random() < 0.2]
            game.make_action([float(v) for v in action], _SKIP)
    finally:
        game.close()
    return np.stack(frames)
