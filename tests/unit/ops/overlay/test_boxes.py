"""What boxes share, and the region around several."""

import pytest

from ops.overlay.boxes import box_iou, covered_share, region_around


@pytest.mark.parametrize(
    ("second", "iou", "share"),
    [
        ((0, 0, 10, 10), 1, 1),
        ((5, 0, 10, 10), 1 / 3, 0.5),
        ((10, 0, 10, 10), 0, 0),
        ((40, 40, 10, 10), 0, 0),
        ((2, 2, 5, 5), 0.25, 1),
        ((-5, -5, 20, 20), 0.25, 1),
    ],
)
def test_what_two_boxes_share(second: tuple, iou: float, share: float) -> None:
    first = (0, 0, 10, 10)
    assert box_iou(first, second) == box_iou(second, first) == pytest.approx(iou)
    assert covered_share(first, second) == covered_share(second, first) == pytest.approx(share)


def test_a_region_holds_its_boxes_with_a_rim() -> None:
    assert region_around([(100, 50, 20, 10), (150, 80, 40, 20)], 0.1, (480, 640)) == (98, 49, 194, 102)


@pytest.mark.parametrize("box", [(-50, -50, 20, 20), (700, 500, 20, 20), (-10, -10, 2000, 2000)])
def test_a_region_is_inside_the_picture_and_never_empty(box: tuple) -> None:
    left, top, right, bottom = region_around([box], 0.05, (480, 640, 3))
    assert 0 <= left < right <= 640 and 0 <= top < bottom <= 480
