"""Run ffmpeg as a process: commands are built with ffmpeg-python, the program is the one that imageio-ffmpeg brings."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

#: Bytes of what the program said last that an error carries.
_SAID_BYTES: Final = 2000
#: Seconds that a process which closed its pipe is given to end.
_END_S: Final = 1.0


def run(stream: Any) -> None:
    """Run the command of an output stream (`ffmpeg.output(...)`); files that are there are overwritten.

    Raises:
        RuntimeError: ffmpeg failed; its last words are in the message.
    """
    with piped(stream):
        pass


@contextmanager
def piped(stream: Any) -> Iterator[IO[bytes]]:
    """Run the command of an output stream while the block runs, and give the pipe that it reads as `pipe:`.

    Raises:
        RuntimeError: ffmpeg failed; its last words are in the message.
    """
    import ffmpeg
    import imageio_ffmpeg

    quiet = stream.global_args("-hide_banner", "-loglevel", "error", "-nostats")
    command = ffmpeg.compile(quiet, cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        assert process.stdin is not None
        try:
            yield process.stdin
            process.stdin.close()
        except BaseException as error:
            if _ends_badly(process):  # whoever wrote into its pipe met the end of it: what it said tells why
                raise RuntimeError(f"ffmpeg stopped reading: {_last_words(said)}") from error
            process.kill()
            raise
        finally:
            process.wait()
            with suppress(OSError):
                process.stdin.close()
        if process.returncode:
            raise RuntimeError(f"ffmpeg ended with exit code {process.returncode}: {_last_words(said)}")


def _ends_badly(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended by itself, and not well."""
    try:
        return process.wait(timeout=_END_S) != 0
    except subprocess.TimeoutExpired:
        return False


def _last_words(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, 2) - _SAID_BYTES))
    return " ".join(said.read().decode(errors="replace").split()) or "it said nothing"
