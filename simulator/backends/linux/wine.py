"""Windows programs under Debian's Wine: where it is, a prefix for every episode, and an XInput that reads our pad.

Making a prefix takes Wine 20 s and 700 MB, so it is made once into the cache; an episode gets links to its files, and
a registry and user folders of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from simulator.native.build import SOURCES, NativeError, cache_folder

#: MinGW-w64's.
_COMPILER: Final = "x86_64-w64-mingw32-gcc"
#: Names of Wine's loader, Debian's first.
_LOADERS: Final = ("/usr/lib/wine/wine64", "wine64", "wine")
#: Versions of XInput that games load.
_XINPUTS: Final = ("xinput1_1", "xinput1_2", "xinput1_3", "xinput1_4", "xinput9_1_0")
#: Parts that no game needs: menus of the desktop, .NET, a browser, pads of its own, a debugger.
_LEFT_OUT: Final = ("winemenubuilder.exe", "mscoree", "mshtml", "winebus.sys", "wineusb.sys", "winedbg.exe")
#: Real seconds that making a prefix may take on a busy machine; it needs 20.
_TIMEOUT_S: Final = 300


def find_wine() -> Path:
    """Return Wine's loader.

    Raises:
        NativeError: there is none.
    """
    for name in _LOADERS:
        if found := shutil.which(name):
            return Path(found)
    raise NativeError("Wine is missing; run: apt-get install -y --no-install-recommends wine wine64")


def find_windows_compiler() -> str:
    """Return the path of MinGW-w64's C compiler.

    Raises:
        NativeError: there is none.
    """
    if found := shutil.which(_COMPILER):
        return found
    raise NativeError(f"{_COMPILER} is missing; run: apt-get install -y --no-install-recommends gcc-mingw-w64-x86-64")


def compile_windows(out: Path, *arguments: str | Path) -> Path:
    """Compile a Windows program or library from C, once: an `out` that is there is kept.

    Raises:
        NativeError: MinGW-w64 is missing or refuses; one line.
    """
    if out.exists():
        return out
    compiler = find_windows_compiler()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / out.name
        command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", f"-I{SOURCES}", "-o", made, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or ["it said nothing"]
            raise NativeError(f"{_COMPILER} cannot build {out.name}: {lines[0]}")
        made.replace(out)
    return out


def make_prefix(home: Path) -> Path:
    """Return a prefix below a home folder that differs from every other one only in what is written into it.

    Raises:
        NativeError: Wine or MinGW-w64 is missing, or Wine makes no prefix.
    """
    template, xinput = _template(find_wine()), _xinput()
    prefix = home / ".wine"
    (prefix / "dosdevices").mkdir(parents=True)
    for path in template.iterdir():
        if path.is_file():
            shutil.copyfile(path, prefix / path.name)
    (prefix / "dosdevices/c:").symlink_to("../drive_c")
    (prefix / "dosdevices/z:").symlink_to("/")
    system = Path("drive_c/windows/system32")
    for folder in (Path("drive_c"), system.parent, system):
        (prefix / folder).mkdir()
        for path in (template / folder).iterdir():
            if path.name not in ("windows", "system32", "users", *(f"{name}.dll" for name in _XINPUTS)):
                (prefix / folder / path.name).symlink_to(path)
    shutil.copytree(template / "drive_c/users", prefix / "drive_c/users", symlinks=True)
    for name in _XINPUTS:
        (prefix / system / f"{name}.dll").symlink_to(xinput)
    return prefix


def environment(prefix: Path, program: Path) -> dict[str, str]:
    """Return the variables that a program under Wine needs beside the backend's own."""
    overrides = [f"{','.join(_XINPUTS)}=n", f"{','.join(_LEFT_OUT)}=d"]
    return {
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": os.environ.get("WINEDEBUG", "-all"),
        "WINEDLLOVERRIDES": ";".join(overrides),
        "OVERPLAY_DRIVER": program.name,
    }


def _xinput() -> Path:
    folder = SOURCES / "windows"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (*sorted(folder.iterdir()), SOURCES / "page.h")))
    out = cache_folder() / f"windows-{digest.hexdigest()[:16]}" / "xinput.dll"
    return compile_windows(out, "-shared", folder / "xinput.c", folder / "xinput.def")


def _template(wine: Path) -> Path:
    version = subprocess.run([wine, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    out = cache_folder() / f"wine-prefix-{hashlib.sha256(version.stdout.encode()).hexdigest()[:16]}"
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / "prefix"
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": folder,
            **environment(made, Path("wineboot")),
        }
        done = subprocess.run(
            [wine, "wineboot", "-i"], env=variables, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        server = shutil.which("wineserver") or str(wine.with_name("wineserver"))
        subprocess.run([server, "-w"], env=variables, capture_output=True, timeout=_TIMEOUT_S, check=False)
        if not (made / "system.reg").exists():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise NativeError(f"{wine} makes no prefix: {last}")
        try:
            made.rename(out)
        except OSError:  # somebody else was quicker
            if not out.exists():
                raise
    return out
