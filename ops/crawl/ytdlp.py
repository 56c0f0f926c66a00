"""yt-dlp as the project uses it: one set of options for every site, errors typed, nothing run but its own downloader.

No external downloader, no ffmpeg, no post-processors, no subtitles, links or other side files, and file names of our
own. The generic extractor works for hosts named in the options only, and then speaks to no other host. A cookie file
is copied for each session, since sessions write theirs back, and never logged.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlparse

import filelock

from ops.crawl.errors import BREAKER, Backoff, CrawlError, with_backoff
from ops.crawl.local_files import EXTENSIONS
from ops.crawl.pace import site_of, wait_for_turn

_PROTOCOLS: Final = r"^(https?|m3u8_native|http_dash_segments)$"
#: YouTube's clients that take turns where one is refused; the first is yt-dlp's own choice.
_CLIENTS: Final = ("", "web_safari", "tv", "android_vr")
_LOGGER: Final = logging.getLogger(__name__)


Result = TypeVar("Result")


@dataclass(frozen=True)
class CrawlOptions:
    """How to crawl; what is secret is not shown by `repr`.

    Attributes:
        extractors: yt-dlp extractors that may be used, with all their variants (`youtube` has `youtube:tab`, ...).
        generic_hosts: host names whose pages the generic extractor may read.
        max_height: highest picture to download, in pixels; where a site does not say, what it gives.
        probe_height: an overlay is looked for before a download, in keyframes of the smallest format that is at least
            so high, in pixels; 0 does not look.
        max_bytes: largest file.
        sleep_request_s: pause between requests for pages.
        sleep_download_s: shortest and longest pause before each download.
        rate_bytes_per_s: limit on the speed of a download; 0 is none.
        socket_timeout_s: patience with a silent server.
        backoff: for errors that pass.
        cookie_file: in Netscape form, for sites that ask who one is; or a folder with one for each worker.
        extractor_args: handed to yt-dlp's extractors, as (extractor, ((key, values), ...)): PO tokens and clients.
        js_runtimes: JavaScript runtimes that YouTube's extractor may start (`deno`, `node`); installed by the user.
    """

    extractors: tuple[str, ...] = ("youtube", "twitch")
    generic_hosts: tuple[str, ...] = ()
    max_height: int = 1080
    probe_height: int = 360
    max_bytes: int = 16 << 30
    sleep_request_s: float = 0.75
    sleep_download_s: tuple[float, float] = (5.0, 15.0)
    rate_bytes_per_s: int = 0
    socket_timeout_s: float = 30.0
    backoff: Backoff = field(default_factory=Backoff)
    cookie_file: str = field(default="", repr=False)
    extractor_args: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = field(default=(), repr=False)
    js_runtimes: tuple[str, ...] = ("deno",)

    def __post_init__(self) -> None:
        if self.max_height < 1 or self.max_bytes < 1 or self.socket_timeout_s <= 0 or self.probe_height < 0:
            raise ValueError(
                "CrawlOptions: max_height, max_bytes and socket_timeout_s must be above 0, probe_height from 0"
            )
        if "generic" in self.extractors:
            raise ValueError("CrawlOptions.extractors: 'generic' reads any site; name hosts in generic_hosts instead")
        low_s, high_s = self.sleep_download_s
        if not 0 <= low_s <= high_s or self.sleep_request_s < 0:
            raise ValueError(f"CrawlOptions: pauses must rise from 0 or more, got {self.sleep_download_s}")

    def is_generic(self, url: str) -> bool:
        """Return whether a URL is on a host that is read by the generic extractor."""
        return (urlparse(url).hostname or "") in self.generic_hosts


@dataclass(frozen=True)
class Downloaded:
    """A finished download.

    Attributes:
        path: the file.
        info: what the site said (yt-dlp's info dict, sanitized).
    """

    path: Path
    info: dict[str, Any]


def format_string(max_height: int) -> str:
    """Return the format to ask for: pictures without sound where there are, H.264 before others (cheap to decode)."""
    limit = f"[height<=?{max_height}][protocol~='{_PROTOCOLS}']"
    return f"bv*{limit}[vcodec^=avc1]/bv*{limit}/b{limit}"


def make_parameters(options: CrawlOptions, url: str, cookie_file: str = "", number: int = 0) -> dict[str, Any]:
    """Return yt-dlp's parameters for work on a URL; `number` counts the sessions that were refused before."""
    generic = options.is_generic(url)
    low_s, high_s = options.sleep_download_s
    return {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Logger(),
        "color": "no_color",
        "ignoreerrors": False,
        "cachedir": False,
        # An id or a path is never taken for a search or a site by guessing.
        "default_search": "error",
        "allowed_extractors": ["generic"] if generic else [rf"{name}(:.+)?" for name in options.extractors],
        "format": format_string(options.max_height),
        "allow_unplayable_formats": False,
        "restrictfilenames": True,
        "windowsfilenames": True,
        "overwrites": True,
        "noplaylist": True,
        # With neither ffmpeg nor another downloader to be found, yt-dlp has nothing to hand bytes to.
        "ffmpeg_location": "/nonexistent",
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "fixup": "never",
        "postprocessors": [],
        "writesubtitles": False,
        "writeautomaticsub": False,
        "writethumbnail": False,
        "writeinfojson": False,
        "max_filesize": options.max_bytes,
        "socket_timeout": options.socket_timeout_s,
        "retries": 3,  # of one file, going on where it stopped; the rest is `with_backoff`
        "fragment_retries": 5,
        "extractor_retries": 1,
        "skip_unavailable_fragments": False,
        "sleep_interval_requests": options.sleep_request_s,
        "sleep_interval": low_s,
        "max_sleep_interval": high_s,
        "ratelimit": options.rate_bytes_per_s or None,
        "cookiefile": cookie_file or None,
        "extractor_args": _extractor_args(options, number),
        "js_runtimes": {name: {} for name in options.js_runtimes},
    }


def _extractor_args(options: CrawlOptions, number: int) -> dict[str, dict[str, list[str]]]:
    given = {name: {key: list(values) for key, values in args} for name, args in options.extractor_args}
    client = _CLIENTS[number % len(_CLIENTS)]
    if client and "youtube" in options.extractors:
        given["youtube"] = {"player_client": [client]} | given.get("youtube", {})
    return given


@contextmanager
def open_session(options: CrawlOptions, url: str, **parameters: Any) -> Iterator[Any]:
    """Give a `YoutubeDL` for work on a URL, with its own copy of the cookies.

    After each refusal of a session or client the next one is another: another cookie file, another client.
    """
    hosts = options.generic_hosts if options.is_generic(url) else None
    number = BREAKER.session(site_of(url))
    with (
        tempfile.TemporaryDirectory(prefix="overplay-session-") as folder,
        _cookies(options.cookie_file, Path(folder), number) as cookies,
        _guarded_class()(make_parameters(options, url, cookies, number) | parameters, hosts) as session,
    ):
        yield session


@contextmanager
def _cookies(source: str, folder: Path, number: int = 0) -> Iterator[str]:
    """Give a copy of the cookies; of a folder of cookie files, one that no other session of this machine uses.

    Raises:
        CrawlError: all files of the folder are in use, or it holds none.
    """
    if not source:
        yield ""
        return
    if not Path(source).is_dir():
        yield shutil.copyfile(source, folder / "cookies.txt").as_posix()
        return
    files = sorted(Path(source).glob("*.txt"))
    first = number % max(1, len(files))
    for path in files[first:] + files[:first]:
        lock = filelock.FileLock(_lock_path(path))
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            continue
        with lock:
            yield shutil.copyfile(path, folder / "cookies.txt").as_posix()
        return
    raise CrawlError(
        "throttled", "no cookie file is free: one for each worker is needed, as *.txt in the cookie folder"
    )


def _lock_path(cookies: Path) -> Path:
    """Return the lock file of a cookie file; beside it nothing can be written where the folder is a mounted secret."""
    folder = Path(tempfile.gettempdir()) / f"overplay-cookies-{getattr(os, 'getuid', int)()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{hashlib.sha256(str(cookies.resolve()).encode()).hexdigest()[:16]}.lock"


@lru_cache(maxsize=1)
def _guarded_class() -> type[Any]:
    """Return `YoutubeDL` with a limit on the hosts it speaks to (made here, since yt-dlp is imported late)."""
    import yt_dlp

    class GuardedYoutubeDL(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def __init__(self, parameters: dict[str, Any], hosts: tuple[str, ...] | None, auto_init: bool = True) -> None:
            self._hosts = hosts
            super().__init__(parameters, auto_init=auto_init)

        def urlopen(self, request: Any) -> Any:
            url = request if isinstance(request, str) else getattr(request, "url", None) or request.get_full_url()
            self._check_host(url)
            response = super().urlopen(request)
            self._check_host(response.url)  # redirects are followed on the way
            return response

        def _check_host(self, url: str) -> None:
            host = urlparse(url).hostname or ""
            if self._hosts is not None and host not in self._hosts:
                raise CrawlError("unsupported", f"{host} is not among generic_hosts {self._hosts}")

    return GuardedYoutubeDL


def extract(
    session: Any, url: str, options: CrawlOptions, sleep: Callable[[float], None] = time.sleep, process: bool = False
) -> dict[str, Any]:
    """Return what a page says: a video, or a playlist whose entries come as they are read.

    Args:
        session: from `open_session`.
        url: the page.
        options: for the backoff.
        sleep: waits between tries.
        process: whether to resolve references and choose formats.

    Raises:
        CrawlError: it cannot be had.
    """

    def ask() -> dict[str, Any]:
        info = session.extract_info(url, download=False, process=process)
        if not info:
            raise CrawlError("unknown", f"nothing came back for {url}")
        return info  # type: ignore[no-any-return]

    return with_backoff(ask, options.backoff, sleep, host=site_of(url))


def with_clients(function: Callable[[], Result]) -> Result:
    """Return what a function returns that opens a session, calling it once per client while clients are refused.

    Raises:
        CrawlError: the last one; at once where it is not of kind `client`.
    """
    for _ in _CLIENTS[1:]:
        try:
            return function()
        except CrawlError as error:
            if error.kind != "client":
                raise
    return function()


def download(url: str, folder: Path, options: CrawlOptions, sleep: Callable[[float], None] = time.sleep) -> Downloaded:
    """Download a video into a folder as `video.<ext>`, without sound where the site has it so.

    Args:
        url: its page, or the file itself.
        folder: an empty one of our own.
        options: how.
        sleep: waits between tries.

    Raises:
        CrawlError: it cannot be had.
    """
    template = f"{str(folder).replace('%', '%%')}/video.%(ext)s"

    def fetch() -> Mapping[str, Any]:
        for left in folder.iterdir():  # bytes of an earlier try may be of another format
            left.unlink()
        with open_session(
            options,
            url,
            outtmpl=template,
            match_filter=refuse_live,
            progress_hooks=[_SizeLimit(options.max_bytes)],
        ) as session:
            info = session.extract_info(url, download=True)
            return session.sanitize_info(info or {}, remove_private_keys=True)  # type: ignore[no-any-return]

    wait_for_turn(url, f"{options.cookie_file} {BREAKER.session(site_of(url))}", sleep)
    info = with_clients(lambda: with_backoff(fetch, options.backoff, sleep, host=site_of(url)))
    if info.get("_type", "video") != "video":
        raise CrawlError("unsupported", "expected the page of one video, got a list")
    files = sorted(folder.iterdir())
    if not files:  # yt-dlp passes over what is larger than its limit without a word
        raise CrawlError("too_large", f"the site announces more than {options.max_bytes} bytes")
    if len(files) > 1 or files[0].suffix not in EXTENSIONS or not files[0].is_file():
        names = ", ".join(path.name for path in files)
        raise CrawlError("unsupported", f"expected one video file of a known kind, got {names}")
    return Downloaded(files[0], dict(info))


def refuse_live(info: Mapping[str, Any], *, incomplete: bool = False) -> None:
    """Refuse what is not yet a recording; a match filter of yt-dlp's."""
    status = info.get("live_status")
    if info.get("is_live") or status in ("is_live", "is_upcoming", "post_live"):
        raise CrawlError("live", f"not yet a recording ({status or 'is_live'})")


class _SizeLimit:
    """A progress hook that ends a download whose size nobody announced."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes

    def __call__(self, progress: Mapping[str, Any]) -> None:
        if (progress.get("downloaded_bytes") or 0) > self.max_bytes:
            raise CrawlError("too_large", f"more than {self.max_bytes} bytes")


class _Logger:
    """Takes yt-dlp's messages; all are details, since errors come as exceptions."""

    def debug(self, message: str) -> None:
        """Log a message."""
        _LOGGER.debug("%s", message)

    info = warning = error = debug
