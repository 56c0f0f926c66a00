import numpy as np
import torch

from ops.overlay.detect import (
    EDGE_UNIT_PX,
    EDGES,
    HEAT,
    MASK,
    NUM_MAPS,
    OFFSETS,
    PLACE_HEAT,
    PLACES,
    SIZE_UNIT_PX,
    SIZES,
    STRIDE,
)
from training.detector.loss import Truth, detector_loss

BOX = (40.0, 20.0, 100.0, 64.0)
SOUTH = (110.0, 50.0, 5.0, 5.0)
_SURE = 9.0


def _truth() -> Truth:
    things = torch.full((1, 4, 5), -1.0)
    things[0, 0] = torch.tensor((0.0, *BOX))
    places = torch.full((1, 4, len(PLACES), 4), np.nan)
    places[0, 0, PLACES.index("south")] = torch.tensor(SOUTH)
    mask = torch.zeros(1, 160, 256)
    mask[0, 20:84, 40:140] = 1
    return Truth(things, places, mask, torch.zeros(1, 4, 4))


def _perfect() -> torch.Tensor:
    maps = torch.zeros(1, NUM_MAPS, 40, 64)
    maps[:, HEAT], maps[:, PLACE_HEAT], maps[:, MASK] = -_SURE, -_SURE, -_SURE
    x, y, w, h = BOX
    rows, columns = (torch.arange(40) + 0.5) * STRIDE, (torch.arange(64) + 0.5) * STRIDE
    distances = (columns - x, rows - y, x + w - columns, y + h - rows)
    for index, distance in enumerate(distances):
        plane = distance[None, :].expand(40, 64) if index % 2 == 0 else distance[:, None].expand(40, 64)
        maps[0, EDGES.start + index] = (plane.clamp_min(1) / EDGE_UNIT_PX).log()
    row, column = int((y + h / 2) / STRIDE), int((x + w / 2) / STRIDE)
    maps[0, 0, row, column] = _SURE
    maps[0, MASK, 5:21, 10:35] = _SURE
    row, column = int(SOUTH[1] / STRIDE), int(SOUTH[0] / STRIDE)
    maps[0, PLACE_HEAT.start + PLACES.index("south"), row, column] = _SURE
    maps[0, OFFSETS, row, column] = torch.tensor([SOUTH[0] / STRIDE - column - 0.5, SOUTH[1] / STRIDE - row - 0.5])
    maps[0, SIZES, row, column] = float(np.log(SOUTH[2] / SIZE_UNIT_PX))
    return maps


def test_what_is_right_costs_nothing() -> None:
    total, parts = detector_loss(_perfect(), _truth())
    assert total < 0.02, parts


def test_each_fault_costs() -> None:
    perfect, truth = _perfect(), _truth()
    best = float(detector_loss(perfect, truth)[0])
    faults = {
        "heat": (HEAT, 9.0), "edge": (EDGES, 0.3), "place": (PLACE_HEAT, 9.0), "offset": (OFFSETS, 0.4),
        "size": (SIZES, 0.5), "mask": (slice(MASK, MASK + 1), 6.0),
    }  # fmt: skip
    for name, (part, change) in faults.items():
        wrong = perfect.clone()
        wrong[:, part] += change
        total, parts = detector_loss(wrong, truth)
        assert float(total) > best + 0.03, name
        assert parts[name] > 0.02


def test_an_ignored_box_may_be_taken_for_a_pad() -> None:
    maps, truth = _perfect(), _truth()
    maps[0, 0, 30, 55] = _SURE
    seen = float(detector_loss(maps, truth)[0])
    ignored = truth.ignored.clone()
    ignored[0, 0] = torch.tensor((200.0, 100.0, 50.0, 50.0))
    assert float(detector_loss(maps, truth._replace(ignored=ignored))[0]) < seen - 1


def test_a_batch_without_things_has_a_finite_loss_with_gradients() -> None:
    truth = Truth(torch.full((2, 4, 5), -1.0), torch.full((2, 4, len(PLACES), 4), np.nan), torch.zeros(2, 160, 256),
                  torch.zeros(2, 4, 4))  # fmt: skip
    maps = torch.zeros(2, NUM_MAPS, 40, 64, requires_grad=True)
    total, _ = detector_loss(maps, truth)
    total.backward()
    assert torch.isfinite(total)
    assert maps.grad is not None and torch.isfinite(maps.grad).all()
