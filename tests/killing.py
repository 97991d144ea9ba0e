"""Work that dies before a chosen effect on the disk, for builds and exports that must go on where they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

KILLED = 9


def dying(work: Callable[[], object], after: int) -> bool:
    """Run `work` in a child that dies, as by kill -9, before its n-th effect on the disk; whether it died."""
    child = os.fork()
    if child == 0:
        left = after

        def counted(effect):
            def step(*args, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(KILLED)
                return effect(*args, **kwargs)

            return step

        effects = [(Path, name) for name in ("replace", "unlink", "mkdir", "rmdir")] + [
            (os, "rename"),
            (os, "fsync"),
            (shutil, "rmtree"),
        ]
        for owner, name in effects:
            setattr(owner, name, counted(getattr(owner, name)))
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED), code
    return code == KILLED
