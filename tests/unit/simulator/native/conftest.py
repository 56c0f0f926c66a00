import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from simulator.native.build import NativeError, build
from simulator.native.page import ClockPage

TOYS = Path(__file__).parent / "toys"
DT_NS = 16_000_000
WAIT_S = 20.0


@pytest.fixture(scope="session", autouse=True)
def needs_a_compiler() -> None:
    try:
        build()
    except NativeError as error:
        pytest.skip(f"no clock library here: {error}")


@pytest.fixture(scope="session")
def compile_toy(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile `toys/<name>.c`; the second argument names stub libraries that it is linked with."""
    folder = tmp_path_factory.mktemp("toys")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or "cc"

    def compile_one(name: str, *stubs: str, define: str = "", flags: tuple[str, ...] = ()) -> Path:
        out = folder / f"{name}{define}"
        base = [compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pthread"]
        libraries = [folder / f"lib{stub}.so" for stub in stubs]
        for stub, library in zip(stubs, libraries, strict=True):
            if not library.exists():
                subprocess.run([*base, "-shared", "-fPIC", TOYS / f"stub_{stub}.c", "-o", library], check=True)
        if not out.exists():
            extra = [f"-D{define}"] if define else []
            rpath = f"-Wl,-rpath,{folder}"
            subprocess.run(
                [*base, *flags, *extra, TOYS / f"{name}.c", "-o", out, rpath, *libraries, "-ldl"], check=True
            )
        return out

    return compile_one


@dataclass
class Running:
    """A toy under the clock; `step` gives it one period."""

    page: ClockPage
    process: subprocess.Popen[bytes]
    out: Path
    limit_ns: int = 0
    dt_ns: int = DT_NS
    environment: dict[str, str] = field(default_factory=dict)

    def step(self, periods: float = 1) -> bool:
        """Return whether the toy used its time up; False where it ended before."""
        self.limit_ns += round(periods * self.dt_ns)
        self.page.grant(self.limit_ns)
        deadline = time.monotonic() + WAIT_S
        while not self.page.wait(0.05):
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, f"stuck: {self.lines()[-5:]} {self.page.counters()}"
        return True

    def run(self, max_steps: int = 2000) -> list[str]:
        """Step until the toy ends; return its lines."""
        for _ in range(max_steps):
            if not self.step():
                assert self.process.returncode == 0, self.lines()
                return self.lines()
        raise AssertionError(f"still running after {max_steps} steps: {self.lines()[-5:]}")

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a program under the clock library; everything ends with the test."""
    started: list[Running] = []

    def run(*command: str | Path, environment: dict[str, str] | None = None, **options: Any) -> Running:
        number = len(started)
        page = ClockPage(tmp_path / f"page{number}", **{"dt_ns": DT_NS, **options})
        out = tmp_path / f"out{number}"
        inherited = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        added = {"LD_PRELOAD": str(build().library), "OVERPLAY_PAGE": str(page.path), **(environment or {})}
        with out.open("wb") as sink:
            process = subprocess.Popen([*command], env={**inherited, **added}, stdout=sink, stderr=subprocess.STDOUT)
        started.append(Running(page, process, out))
        return started[-1]

    yield run
    for running in started:
        running.process.kill()
        running.process.wait()
        running.page.close()
