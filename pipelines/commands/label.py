"""`overplay label`: what the pad did in videos of this machine; needs no store and no UI."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.matchers import DEFAULT_MATCHER, MatcherKind
from pipelines.commands.console import fail, progress, say

if TYPE_CHECKING:
    from ops.stages.label_file import LabelJob


def label(
    videos: Annotated[list[Path], typer.Argument(help="Videos with a gamepad overlay.", metavar="VIDEO...")],
    out: Annotated[Path, typer.Option(help="Folder to write to, one folder per video.")],
    templates: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of further templates, PNG with alpha or imported skins; may be repeated.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    library: Annotated[
        str, typer.Option(help="Procedural templates to look for: core (64), or full (320; slower, made once).")
    ] = "core",
    parser: Annotated[
        str,
        typer.Option(help="The shipped checkpoint, or a folder with one."),
    ] = "shipped",
    matcher: Annotated[
        MatcherKind,
        typer.Option(help="Features to look for overlays by: SIFT's, XFeat's, or both, which finds the most."),
    ] = DEFAULT_MATCHER,
    xfeat: Annotated[
        Path | None,
        typer.Option(help="XFeat's weights, .safetensors or xfeat.pt; the shipped ones by default.", exists=True),
    ] = None,
    reader: Annotated[
        str, typer.Option(help="What decodes the frames that overlays are looked for in: pyav, or decord.")
    ] = "pyav",
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Values less certain than this are unknown in the labels.")
    ] = 0.0,
    preview: Annotated[
        bool, typer.Option("--preview", help="Also write preview.mp4, with the box and the read state.")
    ] = False,
) -> None:
    """Read the pad's state off gamepad overlays: actions per frame with confidence, and a report per video."""
    from ops.outcomes import BadInputError

    _refuse_equal_names(videos)
    try:
        job = _make_job(templates or (), library, parser, (matcher, xfeat), reader, min_confidence, preview)
    except (BadInputError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    num_failed = sum(report["outcome"] == "failed" for report in _run(job, videos, out))
    if num_failed:
        raise fail(f"{num_failed} of {len(videos)} videos failed; the reasons are in their report.json")


def _make_job(
    templates: Sequence[Path],
    library: str,
    parser: str,
    features: tuple[MatcherKind, Path | None],
    reader: str,
    min_confidence: float,
    preview: bool,
) -> "LabelJob":
    """Return the job that the command's options describe.

    Raises:
        ValueError: an option names what does not exist.
        BadInputError: templates or checkpoint cannot be read.
    """
    from models.matchers.choice import choose_matchers
    from models.matchers.library import cached_library, open_library
    from models.matchers.xfeat import SHIPPED
    from models.overlay_parser.checkpoint import CheckpointReader, find_checkpoint
    from ops.labels.refine import RefineConfig
    from ops.media.readers import find_reader
    from ops.overlay.config import LocateConfig
    from ops.stages.label_file import LabelJob

    kind, weights = features
    matchers = choose_matchers(kind, weights or SHIPPED)
    return LabelJob(
        open_library((cached_library(library, matchers), *templates)),
        CheckpointReader(find_checkpoint(parser)),
        matchers,
        preview,
        locate=LocateConfig(reader=find_reader(reader)),
        refine=RefineConfig(min_confidence=min_confidence),
    )


def _run(job: "LabelJob", videos: Sequence[Path], out: Path) -> Iterator[dict[str, Any]]:
    """Label one video after the other, say what came of each, and yield its report."""
    with progress("label") as advance:
        for number, video in enumerate(videos):
            advance(number, len(videos), video.name)
            report = job.run(
                video, out, lambda doing, n=number, name=video.name: advance(n, len(videos), f"{name}: {doing}")
            )
            say(_line(report))
            yield report
        advance(len(videos), len(videos), "")


def _line(report: dict[str, Any]) -> str:
    if report["outcome"] != "ok":
        return f"{report['video_id']}: {report['outcome']}: {report['reason']}"
    box = " ".join(f"{value:.0f}" for value in report["box"])
    return (
        f"{report['video_id']}: ok, {report['num_frames']} frames, {report['template']} at {box}, "
        f"{report['wall_s']:.1f} s"
    )


def _refuse_equal_names(videos: Sequence[Path]) -> None:
    """Videos are told apart by their stem, which is also the folder they get."""
    stems = [video.stem for video in videos]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise typer.BadParameter(f"two videos are called {twice[0]!r}; label them into different folders")
