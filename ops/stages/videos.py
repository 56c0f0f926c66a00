"""The stage `raw/videos`: download each video of a batch, look at it in the sandbox, keep it with what is known of it.

Where a site offers a smaller picture, a few keyframes of it are looked at first: no overlay there, no download.
Refusals that are final (gone, private, not a video we may have) are `rejected`, all else that goes wrong is `failed`
and tried again on the next run.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.crawl.discovery import Source, to_discovered
from ops.crawl.errors import CrawlError
from ops.crawl.liveness import GONE
from ops.crawl.peek import peek
from ops.crawl.small_format import open_smallest
from ops.crawl.ytdlp import CrawlOptions, download, format_string
from ops.media.video import Frame, sniff_format
from ops.outcomes import BadInputError, Outcome
from ops.overlay.config import LocateConfig
from ops.overlay.features import Matcher
from ops.overlay.locate import locate_frames
from ops.stages.library import load_index, local_library
from ops.stages.steps import probe_video
from ops.store.batch import Stage, Unit, Work
from ops.store.layout import VIDEOS
from ops.store.storage import Store, sha256_file

#: Changes when a download or its probe would give other results.
VERSION: Final = "1"

#: Fact of a video that was turned away before its download: the templates it was looked at with.
_LIBRARY_FACT: Final = "looked_at_with"
_LOGGER: Final = logging.getLogger(__name__)
_SCRATCH: Final = "scratch"
_SCRATCH_KEEP_S: Final = 24 * 3600.0
_FACTS: Final = ("title", "channel", "game", "genre", "licence")


def videos_stage(options: CrawlOptions) -> Stage:
    """Return the stage; only what shapes the files makes them stale (not pauses, cookies or hosts)."""
    return Stage(VIDEOS, VERSION, {"format": format_string(options.max_height), "max_bytes": options.max_bytes})


@dataclass(frozen=True)
class OverlayProbe:
    """How a video is looked at before it is downloaded: a few keyframes of a small format.

    Attributes:
        matcher: finds local features.
        library: key of the template library's folder.
        content: the library's hash; a video that was turned away is looked at again when it changes.
        config: fewer keypoints than `overlay/locations` asks for must agree: pictures are small, and who passes is
            looked at again there. At 360 pixels the demo's overlays have 18 and more, games without one 7 at most.
    """

    matcher: Matcher
    library: str
    content: str
    config: LocateConfig = field(
        default_factory=lambda: LocateConfig(num_frames=6, frames_per_picture=1, min_inliers=10)
    )


def turned_away_otherwise(unit: Unit, overlay: OverlayProbe | None) -> bool:
    """Return whether a video was turned away before its download, by other templates than are looked for now."""
    templates = unit.outcome.data.get(_LIBRARY_FACT)
    return templates is not None and (overlay is None or templates != overlay.content)


def overlay_keypoints(frames: list[Frame], folder: Path, matcher: Matcher, config: LocateConfig) -> int:
    """Return how many keypoints of a template agree with frames of a video, 0 where too few do; in the sandbox."""
    index = load_index((folder,), matcher, config)
    found = locate_frames([picture for _, picture in frames], index, config)
    return 0 if found is None else found[2]


@dataclass(frozen=True)
class DownloadVideo:
    """The stage's function.

    Attributes:
        options: how to download.
        urls: where each video of the batch can be had now (`ops.crawl.catalog.batch_urls`).
        sleep: waits between tries.
        overlay: looks for an overlay first; None downloads all.
        dead: ids that two looks on different days found gone (`ops.crawl.liveness`).
    """

    options: CrawlOptions
    urls: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    overlay: OverlayProbe | None = None
    dead: Collection[str] = ()

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Do one video: look for an overlay, download it, probe it, publish it in the unit's folder."""
        url = self._url(work.unit.video_id)
        with _scratch_folder(work.store, work.unit.video_id) as folder:
            try:
                if not self._may_show_overlay(work.store, url, folder):
                    return self._turned_away(), {}
                path, info = self._fetch(url, folder)
            except CrawlError as error:
                return self._refused(error, work.unit.video_id), {}
            return _publish(work, path, folder, url, info)

    def _refused(self, error: CrawlError, video_id: str) -> Outcome:
        """Return the outcome of a video that could not be had; gone for good it is only by the ledger's word."""
        is_final = error.permanent and (error.kind not in GONE or video_id in self.dead)
        return Outcome.rejected(str(error)) if is_final else Outcome("failed", str(error))

    def _url(self, video_id: str) -> str:
        if video_id not in self.urls:
            raise ValueError(
                f"{video_id}: expected a URL from the catalog, got none. Units and URLs must come from one batch of "
                "one catalog (`batch_units`, `batch_urls`)"
            )
        return self.urls[video_id]

    def _turned_away(self) -> Outcome:
        """Return the outcome of a video whose keyframes show no overlay."""
        content = self.overlay.content if self.overlay else ""
        reason = f"no overlay: none in keyframes of a format of {self.options.probe_height} pixels or more"
        return Outcome.rejected(reason, **{_LIBRARY_FACT: content})

    def _may_show_overlay(self, store: Store, url: str, folder: Path) -> bool:
        """Return False where keyframes of a smaller format show no overlay; True where they do, or cannot be had."""
        if self.overlay is None or not self.options.probe_height or Source(url).local_path() is not None:
            return True
        probed, config = self.overlay, self.overlay.config
        library = local_library(store, probed.library, probed.content)
        with (
            open_smallest(url, self.options, self.sleep) as remote,
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as scratch,
        ):
            if remote is None:
                return True
            arguments = (library, probed.matcher, config)
            try:
                keypoints, num_bytes = peek(
                    remote, Path(scratch), config.num_frames, config.max_height, overlay_keypoints, *arguments
                )
            except (BadInputError, CrawlError) as error:  # the download will tell
                _LOGGER.info("%s: not looked at before the download: %s", url, error)
                return True
        _LOGGER.info("%s: %d keypoints of an overlay, by %d bytes", url, keypoints, num_bytes)
        return keypoints > 0

    def _fetch(self, url: str, folder: Path) -> tuple[Path, dict[str, Any]]:
        """Return the file and what its page says of it."""
        path = Source(url).local_path()
        if path is not None:
            if not path.exists():
                raise CrawlError("gone", f"no such file: {path}")
            sniff_format(path)  # refuses what is no video before a byte of it is copied
            return path, {}
        got = download(url, folder, self.options, self.sleep)
        if not got.path.stat().st_size:
            raise BadInputError("empty: the file has no bytes")
        said = to_discovered(got.info | {"url": url}, Source(url))
        return got.path, {fact: getattr(said, fact) for fact in _FACTS}


def _publish(work: Work, path: Path, folder: Path, url: str, info: Mapping[str, Any]) -> tuple[Outcome, dict[str, str]]:
    """Probe a file in the sandbox and write it into the unit's folder.

    Args:
        work: the unit.
        path: the file. It is moved if it lies in `folder`, else copied.
        folder: where downloads land.
        url: where the file was had.
        info: what its page says of it.
    """
    facts = probe_video(path)
    name = f"video{path.suffix.lower()}"
    with work.store.writing(work.key(name)) as target:
        (shutil.move if path.parent == folder else shutil.copyfile)(path, target)
        sha256 = sha256_file(target)
    said = work.unit.outcome.data | {key: info[key] for key in info if not work.unit.outcome.data.get(key)}
    outcome = Outcome.ok(
        path=name,
        url=url,
        size_bytes=facts.size_bytes,
        probe=facts.to_dict(),
        **{fact: said.get(fact, "") for fact in _FACTS},
    )
    return outcome, {name: sha256}


@contextmanager
def _scratch_folder(store: Store, video_id: str) -> Iterator[Path]:
    """Give an empty folder beside the store's files, where they are local, so that publishing is a rename."""
    base = Path(store.uri(_SCRATCH)) if store.is_local else Path(tempfile.gettempdir()) / "overplay-scratch"
    base.mkdir(parents=True, exist_ok=True)
    for left in base.glob(f"{video_id}.*"):  # of a killed run
        if time.time() - left.stat().st_mtime > _SCRATCH_KEEP_S:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{video_id}.", dir=base) as folder:
        yield Path(folder)
