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
    partial = _partial(Path(path))
    partial.mkdir()
    try:
        yield partial
        if Path(path).exists():
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial(path: Path) -> Path:
    """A new name beside `path`; what killed processes left under such names is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        if not Path("/proc", left.suffixes[-2].removeprefix(".")).exists():
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def sha256(path: str | Path) -> str:
    """Hex digest of a file of any size."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
