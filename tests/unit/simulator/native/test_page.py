"""The shared page, from the controller's side."""

import threading
import time

import pytest

from simulator.native.page import ClockPage


def test_a_grant_is_waited_for(tmp_path):
    page = ClockPage(tmp_path / "page", surfaces=True, settle=True)
    assert page.wait(0)  # nothing was granted
    page.grant(1000)
    assert not page.wait(0.05)

    def use_it_up():
        time.sleep(0.05)
        page.fields.done = page.fields.grant

    helper = threading.Thread(target=use_it_up)
    helper.start()
    helper.join()
    assert page.wait(1.0)
    assert (page.fields.limit_ns, page.fields.flags) == (1000, 3)
    assert set(page.counters().values()) == {0}
    page.close()
    page.close()
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "still"}, "one of off, locked, clamped, got 'still'"),
        ({"vsync": "maybe"}, "one of never, adaptive, always, auto, got 'maybe'"),
        ({"pad_path": "x" * 512}, "shorter than 512 bytes, got 512"),
        ({"speed": 0.0}, "above 0, got 0.0"),
    ],
)
def test_bad_options_are_errors_and_leave_no_file(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        ClockPage(tmp_path / "page", **options)
    assert list(tmp_path.iterdir()) == []
