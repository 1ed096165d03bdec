"""The folder of compiled kernels: whose it is, and files in it that are none of ours or damaged.

numba's index and code are pickles and machine code: what reads them runs them. They are read only
where nobody else could have put them, and only as they were written; else they are made again.
"""

from __future__ import annotations

import os
import pickle
import stat
import tempfile
import time
import warnings
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from numba import njit
from numba.core import caching
from numba.core.dispatcher import Dispatcher

from gridhydro.kernels.trust import foreign, suspect

_MARK = b"gridhydro:"  # behind the pickle, followed by its digest
_OLD = 3600.0  # s; what is being written is younger


@lru_cache
def cache_folder() -> Path:
    """Folder of the compiled kernels: GRIDHYDRO_CACHE, the user's cache folder, or a temporary one.

    One that others can write to, or that belongs to others, is not used: a warning says so, and
    which is used instead. OSError if GRIDHYDRO_CACHE cannot be written to.
    """
    chosen, why = os.environ.get("GRIDHYDRO_CACHE"), None
    if chosen:
        try:
            folder = Path(chosen).expanduser()
            why = _unfit(folder)
            if why is None:
                return _writable(folder)
        except (OSError, RuntimeError) as error:
            raise OSError(
                f"the kernel cache {chosen} (GRIDHYDRO_CACHE) cannot be written: {error}"
            ) from error
    private = _private()
    if why is not None:
        warnings.warn(
            f"the kernel cache {chosen} (GRIDHYDRO_CACHE) is not used, for code is read from it "
            f"and {why}; kernels are kept in {private} instead. Give each user a folder of its own",
            stacklevel=2,
        )
    return private


def _private() -> Path:
    """A folder of the user alone: in its home, else in that for temporary files."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    for folder in (
        Path(base, "gridhydro", "kernels"),
        Path(tempfile.gettempdir(), f"gridhydro-kernels-{user}"),
    ):
        with suppress(OSError, RuntimeError):  # RuntimeError: there is no home
            folder = folder.expanduser()
            if folder.is_dir():
                _tighten(folder)
            if _unfit(folder) is None:
                return _writable(folder)
    return Path(tempfile.mkdtemp(prefix="gridhydro-kernels-"))


def _unfit(folder: Path) -> str | None:
    """Why a folder is no place for code, as far as it, or what is above it, is there."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    why = suspect(there)
    if why is None and there == folder and folder.is_dir() and _of_another(folder):
        return None if os.access(folder, os.W_OK) else f"{folder} belongs to another user"
    return why


def _of_another(folder: Path) -> bool:
    return hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()


def _tighten(folder: Path) -> None:
    """Take from others what they may write in a folder of the user."""
    mode = folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not _of_another(folder):
        folder.chmod(stat.S_IMODE(mode) & ~(stat.S_IWGRP | stat.S_IWOTH))


def _writable(folder: Path) -> Path:
    """The folder, made for the user alone where it is not there; OSError if it cannot be."""
    for one in reversed((folder, *folder.absolute().parents)):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder.resolve()


def write(path: Path, source: str) -> None:
    """Write source beside its place and rename it: another process never sees half a file."""
    for left in (*path.parent.glob("*.tmp"), *path.parent.glob("__pycache__/*.tmp.*")):
        with suppress(OSError):  # left by a process that was killed
            if time.time() - left.stat().st_mtime > _OLD:
                left.unlink()
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as file:
            file.write(source)
        os.replace(file.name, path)
    except OSError as error:
        with suppress(OSError, NameError):
            os.unlink(file.name)
        raise OSError(f"the kernel cache {path.parent} cannot be written: {error}") from error


def holds(path: Path, source: str) -> bool:
    """Whether a file of the user's has this source."""
    try:
        return not foreign(path) and path.read_bytes() == source.encode()
    except OSError:
        return False


def cached(**options):
    """A decorator: the function compiled by numba, its code kept in the folder of kernels."""
    return lambda function: kept(njit(**options)(function))


def kept(dispatcher: Dispatcher) -> Dispatcher:
    """A compiled function whose code is kept in the folder of kernels, and checked when read."""
    dispatcher._cache = _Cache(dispatcher.py_func)  # type: ignore[attr-defined]
    return dispatcher


class _Locator(caching._SourceFileBackedLocatorMixin, caching._CacheLocator):
    """numba's way to be told of a folder."""

    def __init__(self, function, file: str):
        self._py_file, self._lineno = file, function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(cache_folder() / "__pycache__")


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012  as numba has it


class _Files(caching.IndexDataCacheFile):
    """numba's files with a digest behind the code; foreign ones are as good as absent."""

    def __init__(self, folder: str, base: str, stamp):
        super().__init__(cache_path=folder, filename_base=base, source_stamp=stamp)
        self._paths = lambda: Path(folder).glob(f"{base}.*nb[ic]")

    def load(self, key):
        for path in self._paths():
            with suppress(FileNotFoundError):  # another process may replace it just now
                if foreign(path):
                    path.unlink()
        return super().load(key)

    def remove(self) -> None:
        """Throw the files away."""
        for path in self._paths():
            with suppress(OSError):
                path.unlink()

    def _load_data(self, name):
        data = Path(self._data_path(name)).read_bytes()
        code, mark, digest = data.rpartition(_MARK)
        if mark and len(digest) == 16 and blake2b(code, digest_size=16).digest() != digest:
            raise ValueError("the code is not what was written")
        return pickle.loads(data)  # what is behind the pickle is not looked at

    def _save_data(self, name, data) -> None:
        code = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(code + _MARK + blake2b(code, digest_size=16).digest())
        for path in self._paths():  # whatever the umask
            path.chmod(0o644)


class _Cache(caching._Cache):
    """What numba asks for compiled code: made when it is first asked, and never in the way."""

    def __init__(self, function):
        self._function, self._of_numba = function, None

    @property
    def _inner(self):
        if self._of_numba is None:
            self._of_numba = _OfNumba(self._function)
        return self._of_numba

    @property
    def cache_path(self) -> str:
        return self._inner.cache_path

    def load_overload(self, sig, target_context):
        try:
            return self._inner.load_overload(sig, target_context)
        except Exception:  # damaged code may raise anything
            self._inner.files.remove()
            return None

    def save_overload(self, sig, data) -> None:
        try:
            self._inner.save_overload(sig, data)
        except OSError as error:
            warnings.warn(
                f"compiled kernels cannot be kept in {self._inner.cache_path}, and are compiled "
                f"again next time: {error}",
                stacklevel=2,
            )

    def enable(self) -> None:
        self._inner.enable()

    def disable(self) -> None:
        self._inner.disable()

    def flush(self) -> None:
        self._inner.flush()


class _OfNumba(caching.FunctionCache):
    """numba's cache in our folder, of our files."""

    _impl_class = _Implementation

    def __init__(self, function):
        super().__init__(function)
        locator = self._impl.locator
        self.files = _Files(
            locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp()
        )
        self._cache_file = self.files
