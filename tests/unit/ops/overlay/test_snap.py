import numpy as np
import pytest

from ops.overlay.boxes import box_iou
from ops.overlay.snap import Drawn, snap_box

BOX = (200.0, 120.0, 240.0, 150.0)


def _frames(opacity: float, moving: bool = True, count: int = 20) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    x, y, w, h = (int(value) for value in BOX)
    coarse = rng.integers(0, 200, (40, 64, 3))
    frames = []
    for _ in range(count):
        if moving:
            coarse = rng.integers(0, 200, (40, 64, 3))
        shift = rng.integers(0, 10, 2) if moving else (0, 0)
        frame = np.roll(np.kron(coarse, np.ones((10, 10, 1))), shift, axis=(0, 1)).astype(np.float32)
        frame[y : y + h, x : x + w] *= 1 - opacity
        frame[y : y + h, x : x + w] += opacity * 230
        frames.append(frame.astype(np.uint8))
    return frames


@pytest.mark.parametrize("opacity", [1.0, 0.6])
@pytest.mark.parametrize("rough", [(206.0, 114.0, 232.0, 158.0), (193.0, 123.0, 250.0, 144.0)])
def test_sides_move_to_where_the_overlay_ends(opacity: float, rough: tuple[float, ...]) -> None:
    snapped = snap_box(_frames(opacity), rough)  # type: ignore[arg-type]
    assert box_iou(rough, BOX) < 0.95
    assert box_iou(snapped, BOX) > 0.98


def test_a_box_in_a_still_picture_stays() -> None:
    rough = (206.0, 114.0, 232.0, 158.0)
    snapped = snap_box(_frames(0.3, moving=False), rough)
    assert box_iou(snapped, rough) > 0.9


def test_a_box_at_the_frames_border_stays_inside() -> None:
    frames = [frame[:200, :300].copy() for frame in _frames(0.0)]
    for frame in frames:
        frame[:90, :150] = (230, 40, 40)
    x, y, w, h = snap_box(frames, (1.0, -2.0, 146.0, 95.0))
    assert box_iou((x, y, w, h), (0, 0, 150, 90)) > 0.96


def test_a_speck_of_a_box_is_left_alone() -> None:
    frames = [np.zeros((50, 50, 3), np.uint8)] * 3
    assert snap_box(frames, (20.0, 20.0, 1.0, 1.0)) == (20.0, 20.0, 1.0, 1.0)


def test_still_things_beside_the_overlay_do_not_count_where_it_does_not_draw() -> None:
    frames = _frames(1.0)
    for frame in frames:
        frame[130:260, 175:186] = 255
    x, y, w, h = BOX
    rough = (204.0, 116.0, 236.0, 158.0)
    sure = np.zeros((40, 64), np.float32)
    sure[int(y) // 10 : int(y + h) // 10, int(x) // 10 : int(x + w) // 10] = 0.9
    assert abs(snap_box(frames, rough)[0] - x) > 2
    snapped = snap_box(frames, rough, Drawn(sure, 0.0, 0.0, 10.0))
    assert snapped[0] == pytest.approx(x, abs=0.5)
    assert box_iou(snapped, BOX) > 0.98
