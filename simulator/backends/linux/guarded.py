"""A program under the guard: it ends with us, whatever happens to us."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Real time between the polite and the impolite end, where nothing else is asked for.
_GRACE_MS: Final = 2000
#: Real seconds that the guard has to end everything; a busy machine needs some of them.
_STOP_S: Final = 15.0
#: Letters of a line that an error message shows.
_LINE_LETTERS: Final = 300


class GuardedProcess:
    """A program, everything that it starts, and optionally a folder that goes when it is stopped.

    Args:
        guard: the compiled guard.
        command: program and arguments.
        environment: all of the program's variables; OVERPLAY_PRELOAD becomes its LD_PRELOAD.
        log: file for its output.
        folder: working folder.
        remove: folder that the guard removes at the end, also when we are killed; None for none.
        grace_ms: time between the polite and the impolite end.
        pass_fds: descriptors that the program inherits.
    """

    def __init__(
        self,
        guard: Path,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        log: Path,
        folder: Path,
        remove: Path | None = None,
        grace_ms: int = _GRACE_MS,
        pass_fds: Sequence[int] = (),
    ) -> None:
        control, self._control = os.pipe()
        try:
            with log.open("wb") as sink:
                self._process = subprocess.Popen(
                    [guard, str(control), remove or "-", str(grace_ms), *command],
                    env=dict(environment),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    pass_fds=(control, *pass_fds),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._control)
            self._control = -1
            raise
        finally:
            os.close(control)
        self._log = log

    @property
    def pid(self) -> int:
        """Process id of the guard; the program is its child."""
        return self._process.pid

    def program_pid(self) -> int:
        """Return the process id of the program, 0 once it has ended."""
        with suppress(OSError, IndexError):
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])
        return 0

    def exit_code(self) -> int | None:
        """Return the program's exit code (128 + signal where one ended it), or None while it runs."""
        return self._process.poll()

    def last_words(self, num_lines: int = 8) -> str:
        """Return the last lines of the program's output."""
        with suppress(OSError):
            lines = self._log.read_text(errors="replace").splitlines()
            return "\n".join(line[:_LINE_LETTERS] for line in lines[-num_lines:])
        return ""

    def stop(self) -> None:
        """End the program and all below it, and wait for that. May be called twice."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:  # the guard itself hangs; the kernel ends its child with it
            self._process.kill()
            self._process.wait()

    def __del__(self) -> None:
        if getattr(self, "_control", -1) >= 0:
            os.close(self._control)
