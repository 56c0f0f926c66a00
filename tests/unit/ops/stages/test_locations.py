"""Which overlay a video shows, as a stage of a batch; `conftest.py` runs the batch."""

from ops.overlay.boxes import box_iou
from ops.overlay.tracks import track_from
from ops.store.layout import (
    ACTIONS,
    CROPS,
    LOCATIONS,
    RAW_ACTIONS,
)
from tests.factories.overlays import place


def test_each_video_ends_where_it_should(chain) -> None:
    _, units = chain
    kinds = {asset: {unit.video_id: unit.outcome.kind for unit in found} for asset, found in units.items()}
    assert kinds[LOCATIONS] == {"good": "ok", "plain": "rejected", "broken": "failed"}
    assert kinds[CROPS] == kinds[RAW_ACTIONS] == kinds[ACTIONS] == {"good": "ok"}
    reasons = {unit.video_id: unit.outcome.reason for unit in units[LOCATIONS]}
    assert reasons["plain"].startswith("no overlay found:") and "\n" not in reasons["broken"] and reasons["broken"]


def test_the_track_is_where_the_overlay_is(chain) -> None:
    data = {unit.video_id: unit.outcome.data for unit in chain[1][LOCATIONS]}["good"]
    track = track_from(data["tracks"][0])
    assert box_iou(track.box, place("ps4-flat-01", 260, 360, 180).box) > 0.93
    assert track.template_id == "ps4-flat-01" and data["video"] == "video.mp4"
