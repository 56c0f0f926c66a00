"""The demo's clips: every kind of them is there."""

from simulator.recording.record_demo import CLIPS


def test_the_demo_has_every_kind_of_clip():
    configs = [clip.config for clip in CLIPS]
    assert len({config.name for config in configs}) == len(CLIPS)
    assert [clip.expected for clip in CLIPS].count("ok") >= 8
    assert {clip.expected for clip in CLIPS} == {"ok", "rejected", "failed"}
    assert {config.fps for config in configs} == {30, 60}
    assert {config.height for config in configs} == {720, 1080}
    assert any(config.variable_rate for config in configs)
    assert any(config.rests for config in configs)
    assert len({clip.channel for clip in CLIPS}) >= 3
    assert all(200 <= config.overlay_px <= 420 for config in configs)
    for clip in CLIPS:
        assert (clip.config.skin_id is None) == (clip.expected == "rejected")
        assert (clip.keep_share < 1) == (clip.expected == "failed")
