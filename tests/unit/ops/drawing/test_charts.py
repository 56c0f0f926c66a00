"""Charts draw what they are given, where it belongs."""

import numpy as np

from ops.drawing.charts import PALETTE, bar_chart, line_chart
from ops.drawing.pictures import PAPER


def places(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns whose pixels have about a colour."""
    return np.nonzero((np.abs(picture.astype(int) - colour) < 30).all(axis=2))


def test_bars_are_as_long_as_their_values():
    chart = bar_chart({"whole": 2.0, "half": 1.0, "none": 0.0}, "T", "h")
    rows, columns = places(chart, PALETTE[0])
    lengths = [np.ptp(columns[(rows >= top) & (rows < top + 18)]) for top in (29, 55)]
    assert abs(lengths[0] / lengths[1] - 2) < 0.05
    assert not ((rows > 82) & (columns > 173)).any()


def test_a_line_goes_through_its_points_and_breaks_where_nothing_is_known():
    x = np.linspace(0, 1, 101)
    rising = line_chart({"a": (x, x)}, "", y_range=(0.0, 1.0))
    rows, columns = places(rising[30:180, 60:620], PALETTE[0])
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    gap = np.where((x > 0.4) & (x < 0.6), np.nan, x)
    _, columns = places(line_chart({"a": (x, gap)}, "", y_range=(0.0, 1.0))[30:180, 60:620], PALETTE[0])
    middle = 60 + 0.5 * 560 - 60
    assert not ((columns > middle - 40) & (columns < middle + 40)).any()


def test_values_beyond_the_range_stay_inside_the_frame():
    chart = line_chart({"a": ([0, 1, 2], [0.0, 100.0, -100.0])}, "", y_range=(-1.0, 1.0))
    rows, _ = places(chart[:, 60:500], PALETTE[0])
    assert rows.min() >= 22 and rows.max() <= 188
    assert (chart[-1, :50] == PAPER).all()


def test_a_long_line_is_thinned_and_looks_the_same():
    x = np.linspace(0, 10, 20_000)
    thick = line_chart({"a": (x, np.sin(x))}, "")
    thin = line_chart({"a": (x[::10], np.sin(x[::10]))}, "")
    assert np.abs(thick.astype(int) - thin).mean() < 1
