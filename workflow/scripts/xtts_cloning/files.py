"""Writing beside and renaming, hashing, and one writer at a time."""

import fcntl
import functools
import glob
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PARTIAL, OLD = ".partial", ".old"  # ends of the names of what is being written, and of what is being replaced


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path`; renamed to it when the block ends well, removed when it does not."""
    partial = _partial(Path(path))
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; it takes the place of `path` when the block ends well."""
    path = Path(os.path.realpath(path))  # a link to a folder on another disk stays, and what it leads to is replaced
    partial = _partial(path)
    partial.mkdir()
    try:
        yield partial
        replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def scratch_folder(place: Path) -> Iterator[Path]:
    """Yield an empty folder in `place`, removed when the block ends, however it ends."""
    partial = _partial(place / "scratch")
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def replace(new: Path, path: Path) -> None:
    """Put a file or folder in the place of another on the same disk; killed at any moment, one of the two is there.

    A folder cannot take the place of another in one step. Between the two steps the old one lies beside, and whoever
    next writes to `path` puts it back first.
    """
    if not path.is_dir():
        os.replace(new, path)
        return
    old = path.with_name(f".{path.name}.{os.getpid()}{OLD}")
    os.replace(path, old)
    os.replace(new, path)
    _remove(old)


def put_back(path: Path) -> None:
    """Give `path` what a process that was killed in `replace` left beside it; remove that where the new one stands."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{OLD}"):
        if not _alive(left):
            _remove(left) if path.exists() else os.replace(left, path)


def _partial(path: Path) -> Path:
    """A new name beside `path`; what killed processes left under such names is put back or removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put_back(path)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        if not _alive(left):
            _remove(left)
    return path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")


def _alive(left: Path) -> bool:
    """Whether the process whose number a name holds still runs."""
    return Path("/proc", left.suffixes[-2].removeprefix(".")).exists()


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """Hex digest of a file of any size."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(place: str | Path, *patterns: str) -> str:
    """A hash of the name, size and time of a file, or of each file in a folder that matches a pattern."""
    place = Path(place)
    matching = {path for pattern in patterns for path in place.glob(pattern)} if place.is_dir() else {place}
    found = sorted(path for path in matching if path.is_file() and not path.name.startswith("."))
    stats = [(str(path.relative_to(place)), path.stat()) for path in found]
    listed = [f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}" for name, stat in stats]
    return hashlib.sha256("\0".join(listed).encode(errors="surrogateescape")).hexdigest()[:16]


def keyed_seed(seed: int, *names: object) -> int:
    """A seed below 2**63 that depends on `seed` and `names` only, never on what else runs."""
    key = "\0".join(map(str, (seed, *names))).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1


@contextmanager
def exclusive(folder: str | Path) -> Iterator[None]:
    """Hold the folder's lock; wait, and say so, while another process (a killed driver's job, say) still holds it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "wb") as lock:
        if not locked(lock):
            print(f"another process still works in {folder}; waiting for it to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def locked(file: IO) -> bool:
    """Whether this process now holds the open file's lock; False while another one does.

    Where the file system knows no locks (Lustre without `-o flock`, NFS without its lock server) nothing can be held:
    True, after one warning a process.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _warn_without_locks(error.strerror)
    return True


@functools.cache
def _warn_without_locks(why: str) -> None:
    print(
        f"warning: the file system of {Path.cwd()} has no locks ({why}): going on without. Start a run only once at a "
        "time; docs/cluster.md says what is then not guarded",
        file=sys.stderr,
        flush=True,
    )
