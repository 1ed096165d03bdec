"""Whose a folder or file is: code is read only from where nobody else can put it."""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path


def suspect(path: Path) -> str | None:
    """Why somebody else may have written a file or what is in a folder; None where nobody can.

    Whoever can write to a folder above can put another in its place, unless the folder is sticky,
    as /tmp is. The user and root count as nobody else, and so does a group of the user alone.
    """
    if not hasattr(os, "getuid"):
        return None
    place = path.resolve()
    for one in (place, *place.parents):
        why = _open_to(one, os.stat(one), sticky_is_closed=one != place)
        if why is not None:
            return why
    return None


def foreign(path: Path) -> bool:
    """Whether a file, in a folder that is nobody else's, was put there by somebody else."""
    if not hasattr(os, "getuid"):
        return False
    found = os.lstat(path)
    return not stat.S_ISREG(found.st_mode) or _open_to(path, found, False) is not None


def _open_to(path: Path, found: os.stat_result, sticky_is_closed: bool) -> str | None:
    if found.st_uid not in (os.getuid(), 0):
        return f"{path} belongs to another user"
    if sticky_is_closed and found.st_mode & stat.S_ISVTX:
        return None
    if found.st_mode & stat.S_IWOTH:
        return f"{path} can be written to by everybody"
    if found.st_mode & stat.S_IWGRP and not _alone_in(found.st_gid):
        return f"{path} can be written to by a group"
    return None


@lru_cache
def _alone_in(group: int) -> bool:
    """Whether nobody but the user and root is in a group: many systems give each user one."""
    import grp
    import pwd

    if group == 0:
        return True
    try:
        name, members = grp.getgrgid(group).gr_name, set(grp.getgrgid(group).gr_mem)
        user = pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return user.pw_gid == group and name == user.pw_name and members <= {user.pw_name, "root"}
