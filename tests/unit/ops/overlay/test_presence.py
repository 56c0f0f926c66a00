"""Whether frames show an overlay, and when that changes."""

from pathlib import Path

import numpy as np
import pytest

from ops.overlay.presence import Presence, find_change, shown_runs
from ops.skins.form import SkinRenderer
from tests.factories.overlays import overlay_frames, place, write_overlay_clip

SIZE = (480, 320)


def _presence(renderer: SkinRenderer, frames: list[np.ndarray]) -> Presence:
    return Presence(renderer.skin.template(), renderer.affine, frames)


@pytest.mark.parametrize(("skin_id", "opacity"), [("ps4-flat-01", 1.0), ("switch-solid-01", 0.6)])
def test_frames_with_the_overlay_show_it_and_others_do_not(skin_id: str, opacity: float) -> None:
    renderer = place(skin_id, 240, 20, 40, opacity)
    shown, _ = overlay_frames(renderer, 8, SIZE)
    bare, _ = overlay_frames(None, 8, SIZE, seed=7)
    presence = _presence(renderer, [*bare[:4], *shown])
    assert [presence.shown(frame) for frame in (*shown, *bare)] == [True] * 8 + [False] * 8


def test_an_overlay_elsewhere_is_not_shown_here() -> None:
    renderer, elsewhere = place("ps4-flat-01", 240, 20, 40), place("ps4-flat-01", 240, 200, 140)
    presence = _presence(renderer, overlay_frames(renderer, 6, SIZE)[0])
    assert not any(presence.shown(frame) for frame in overlay_frames(elsewhere, 4, SIZE, seed=3)[0])


@pytest.mark.parametrize(
    ("shown", "runs"),
    [
        ([], []),
        ([False, False], []),
        ([True] * 3, [(0, 3)]),
        ([True, False, True], [(0, 3)]),
        ([True, False, False, True], [(0, 1), (3, 4)]),
        ([False, True], [(1, 2)]),
    ],
)
def test_runs_bridge_one_frame(shown: list[bool], runs: list[tuple[int, int]]) -> None:
    assert shown_runs(shown) == runs


@pytest.mark.parametrize("gop", [5, 100])
def test_a_change_is_found_to_the_frame(tmp_path: Path, gop: int) -> None:
    renderer, pts_s = place("ps4-flat-01", 240, 20, 40), np.arange(60) / 20
    write_overlay_clip(tmp_path / "a.mp4", lambda row: (renderer,) if 17 <= row < 44 else (), pts_s, SIZE, gop=gop)
    presence = _presence(renderer, overlay_frames(renderer, 6, SIZE)[0])
    assert find_change(tmp_path / "a.mp4", presence, 0.1, 1.5, True, SIZE[1]) == pytest.approx(17 / 20)
    assert find_change(tmp_path / "a.mp4", presence, 1.5, 2.9, False, SIZE[1]) == pytest.approx(44 / 20)
