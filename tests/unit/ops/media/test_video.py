"""Every kind of clip is read exactly or refused with a class of reason, in and outside the sandbox."""

import contextlib
import importlib.util
import os

import numpy as np
import pytest

from ops.media.probe import probe
from ops.media.readers import iter_frames, sample_frames
from ops.media.sandbox import Limits, call
from ops.media.video import open_video, scaled_size, sniff_format
from ops.outcomes import BadInputError, reason_class
from tests.factories.media import BAD, GOOD, make, make_damaged, read_index, write_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Return a function that makes a clip of a kind once."""
    folder = tmp_path_factory.mktemp("clips")
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = make(kind, folder)
        return made[kind]

    return get


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_clip_is_probed_and_read_frame_by_frame(clips, kind):
    path = clips(kind)
    facts = probe(path)
    count = 48 if kind == "vfr" else 60
    assert (facts.width, facts.height, facts.num_frames) == (160, 96, count)
    assert facts.vfr == (kind == "vfr")
    assert facts.size_bytes == path.stat().st_size
    frames = list(iter_frames(path))
    assert [read_index(rgb) for _, rgb in frames] == list(range(count))
    times = [time for time, _ in frames]
    assert times == sorted(set(times))
    assert times[0] == pytest.approx(facts.pts.start_s, abs=1e-3)
    assert np.median(np.diff(times)) == pytest.approx(facts.pts.median_delta_s, abs=2e-3)
    if kind != "vfr":
        assert facts.duration_s == pytest.approx(2.0, abs=0.01)
        assert facts.fps_mean == pytest.approx(30, abs=0.2)


@pytest.mark.parametrize("kind", GOOD)
def test_samples_are_spread_downscaled_and_carry_their_own_time(clips, kind):
    path = clips(kind)
    times = {read_index(rgb): time for time, rgb in iter_frames(path)}
    for count, least in ((3, 2), (16, 14)):
        samples = sample_frames(path, count, max_height=48)
        indexes = [read_index(rgb) for _, rgb in samples]
        assert indexes == sorted(set(indexes))
        assert least <= len(indexes) <= count
        assert indexes[-1] >= len(times) // 2
        for (time, rgb), index in zip(samples, indexes, strict=True):
            assert rgb.shape == (48, 80, 3)
            assert rgb.dtype == np.uint8
            assert time == pytest.approx(times[index], abs=2e-3)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_the_class_of_its_reason(clips, kind):
    with pytest.raises(BadInputError) as caught:
        probe(clips(kind))
    assert reason_class(str(caught.value)) == BAD[kind][2]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in BAD if not kind.startswith("truncated")])
def test_reading_refuses_it_too_or_gives_the_frames_there_are(clips, kind):
    if kind == "long_header":
        assert len(list(iter_frames(clips(kind)))) == 60
        with pytest.raises(BadInputError, match="truncated: ends long before"):
            sample_frames(clips(kind))
        return
    if kind == "late_stream":
        assert sample_frames(clips(kind)), "what comes before it can be sampled"
    samplers = () if kind == "late_stream" else (sample_frames,)
    for read in (lambda path: list(iter_frames(path)), *samplers):
        with pytest.raises(BadInputError, match=f"^{BAD[kind][2]}"):
            read(clips(kind))


@pytest.mark.parametrize("options", [{}, {"container_options": {"movflags": "+faststart"}}])
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_a_file_cut_anywhere_is_truncated(tmp_path, extension, options):
    whole = write_clip(tmp_path / f"whole.{extension}", num_frames=120, **options)
    data = whole.read_bytes()
    for share in np.linspace(0.02, 0.7, 12):
        cut = tmp_path / f"cut.{extension}"
        cut.write_bytes(data[: int(share * len(data))])
        with pytest.raises(BadInputError, match=r"^truncated: "):
            probe(cut)


def test_damage_and_hostile_names_end_in_frames_or_a_reason_within_limits(tmp_path):
    path = make_damaged(tmp_path)
    limits = Limits(wall_s=30, cpu_s=20, memory_bytes=1 << 30)
    for function in (probe, sample_frames):
        try:
            call(function, path, limits=limits)
        except BadInputError as error:
            assert ":" in str(error)


def test_random_bit_flips_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(0)
    whole = write_clip(tmp_path / "whole.mp4", num_frames=20).read_bytes()
    path = tmp_path / "flipped.mp4"
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), size=rng.integers(1, 20)):
            data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        for function in (probe, lambda path: list(iter_frames(path)), lambda path: sample_frames(path, 4)):
            with contextlib.suppress(BadInputError):
                function(path)


def test_pipes_folders_and_absent_files_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, reason in (("pipe.mp4", "not a file"), ("", "not a file"), ("absent.mp4", "unreadable")):
        with pytest.raises(BadInputError, match=f"^{reason}"):
            sniff_format(tmp_path / name)


def test_no_other_file_is_read_through_a_playlist(tmp_path):
    secret = write_clip(tmp_path / "secret.ts")
    for text in (f"#EXTM3U\n#EXTINF:2,\n{secret}\n", f"\ufeff ffconcat version 1.0\nfile {secret}\n"):
        (tmp_path / "innocent.ts").write_text(text)
        with pytest.raises(BadInputError, match=r"^playlist"):
            sample_frames(tmp_path / "innocent.ts")


def test_a_second_video_stream_is_counted(clips):
    assert probe(clips("two_videos")).num_video_streams == 2
    assert probe(clips("h264_sound")).num_video_streams == 1


def test_the_sandbox_carries_probes_and_frames(clips):
    assert call(probe, clips("h264"), limits=Limits()) == probe(clips("h264"))
    here, there = sample_frames(clips("vp9"), 5), call(sample_frames, clips("vp9"), 5, limits=Limits())
    for (time_here, rgb_here), (time_there, rgb_there) in zip(here, there, strict=True):
        assert time_here == time_there
        np.testing.assert_array_equal(rgb_here, rgb_there)
    with pytest.raises(BadInputError, match=r"^truncated: "):
        call(probe, clips("truncated_faststart"), limits=Limits())


def test_a_wrong_count_is_our_callers_fault(clips):
    with pytest.raises(ValueError, match="at least 1 frame, got 0"):
        sample_frames(clips("h264"), 0)


def test_scaling_keeps_proportions_and_never_enlarges():
    assert scaled_size(1920, 1080, 720) == (1280, 720)
    assert scaled_size(640, 360, 720) == (640, 360)
    assert scaled_size(640, 360, None) == (640, 360)


class TestDecord:
    @pytest.fixture(autouse=True)
    def _needs_decord(self):
        if (
            importlib.util.find_spec("decord") is None
        ):  # not imported here: see `ops.media.decord_reader._keep_png_readable`
            pytest.skip("decord is not installed")

    @pytest.mark.parametrize("kind", ["h264", "vp9", "h264_mkv"])
    def test_it_reads_the_same_frames_as_the_default(self, clips, kind):
        ours = list(iter_frames(clips(kind), max_height=48))
        theirs = list(call(_read_all_with_decord, clips(kind), limits=Limits(wall_s=60)))
        assert [read_index(rgb) for _, rgb in theirs] == [read_index(rgb) for _, rgb in ours]
        np.testing.assert_allclose([time for time, _ in theirs], [time for time, _ in ours], atol=2e-3)
        assert theirs[0][1].shape == (48, 80, 3)

    def test_samples_carry_their_times(self, clips):
        for time, rgb in call(sample_frames, clips("h264"), 4, 48, "decord", limits=Limits()):
            assert read_index(rgb) == round(time * 30)

    @pytest.mark.parametrize("kind", ["av1", "h264_ts", "rotated"])
    def test_what_it_cannot_do_is_said(self, clips, kind):
        with pytest.raises(BadInputError, match=r"^unsupported: decord"):
            call(sample_frames, clips(kind), 4, None, "decord", limits=Limits())


def _read_all_with_decord(path):
    return list(iter_frames(path, 48, "decord"))


@pytest.mark.parametrize(
    ("extension", "late_s", "audio_s", "after_s"),
    [("mp4", 0.5, 1.0, 0.5), ("mkv", 0.5, 1.0, 0.5), ("mp4", 0.0, 1.0, 0.0)],
)
def test_a_player_counts_from_the_first_stream(tmp_path, extension, late_s, audio_s, after_s):
    times = [late_s + k / 30 for k in range(30)]
    with open_video(write_clip(tmp_path / f"a.{extension}", pts_s=times, audio_s=audio_s)) as video:
        assert video.start_s - video.zero_s == pytest.approx(after_s, abs=2e-3)


def test_a_transport_stream_begins_where_its_clock_stands(tmp_path):
    with open_video(write_clip(tmp_path / "a.ts")) as video:
        assert video.start_s > 0 and video.start_s == pytest.approx(video.zero_s, abs=1e-4)
