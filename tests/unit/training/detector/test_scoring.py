import numpy as np

from ops.overlay.detect import EDGE_UNIT_PX, EDGES, NUM_MAPS, PLACE_HEAT, PLACES, STRIDE, DetectConfig
from training.detector.scoring import score_maps

CONFIG = DetectConfig(candidate=0.3)


def _output(x: float, y: float, w: float, h: float) -> np.ndarray:
    maps = np.zeros((NUM_MAPS, 40, 64), np.float32)
    row, column = int((y + h / 2) / STRIDE), int((x + w / 2) / STRIDE)
    cx, cy = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
    maps[0, row, column] = 0.8
    maps[EDGES, row, column] = np.log(np.array([cx - x, cy - y, x + w - cx, y + h - cy]) / EDGE_UNIT_PX)
    maps[PLACE_HEAT.start + PLACES.index("south"), row, column] = 0.8
    return maps


def _truth(box: tuple[float, ...] | None, south: tuple[float, float] = (0, 0)) -> tuple[np.ndarray, ...]:
    things = np.full((4, 5), -1, np.float32)
    places = np.full((4, len(PLACES), 4), np.nan, np.float32)
    if box is not None:
        things[0] = (0, *box)
        places[0, PLACES.index("south")] = (*south, 6, 6)
    return things, places, np.zeros((4, 4), np.float32)


def test_recall_false_finds_and_controls() -> None:
    box = (40.0, 20.0, 100.0, 64.0)
    right = (_output(*box), _truth(box, (91.0, 53.0)))
    near = (_output(40, 20, 118, 64), _truth(box, (10.0, 10.0)))
    missed = (np.zeros((NUM_MAPS, 40, 64), np.float32), _truth(box))
    false = (_output(*box), _truth(None))
    outputs, truths = zip(right, near, missed, false, strict=True)
    figures = score_maps(outputs, truths, CONFIG)  # type: ignore[arg-type]
    assert figures["recall_0.5"] == figures["recall_0.8"] == 0.6667
    assert figures["recall_0.95"] == 0.3333
    assert figures["false_finds"] == 0.25
    assert figures["controls"] == 0.5
    assert figures["pads"] == 3
