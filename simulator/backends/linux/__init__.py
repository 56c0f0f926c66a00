"""Any Linux program as a game that stands still between steps: see `backend.py`."""

from __future__ import annotations

from simulator.backends.linux.backend import LinuxBackend, make_backend

__all__ = ["LinuxBackend", "make_backend"]
