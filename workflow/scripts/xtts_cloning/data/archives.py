"""Clips in LJSpeech layout, read in one pass from an archive (.tar, .tar.gz, .tar.bz2) or a folder, never unpacked.

Layout: metadata.csv and wavs/<utterance id>.wav, or another of audio.SUFFIXES, at the top or inside one folder, in any
order.
Compressed archives are decompressed on all cores by rapidgzip. Archives may come from anywhere, so one with a name
that leads outside, a link or a device is refused as a whole.
"""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import rapidgzip
from tqdm import tqdm

from xtts_cloning import audio, files
from xtts_cloning.errors import UserError
from xtts_cloning.model import characters

BLOCK = 512  # bytes; tar's unit


class Member(NamedTuple):
    """metadata.csv (utterance None) or a clip; `read` gives its bytes, until the next member is asked for.

    A file that a person may take for a clip and that is none is given too, with what is wrong with it.
    """

    name: str
    utterance: str | None
    suffix: str
    read: Callable[[], bytes]
    problem: str | None = None


def members(path: str | Path) -> Iterator[Member]:
    """The metadata.csv and the clips of an archive or folder in the order they come, with a progress bar.

    UserError if it is missing, cut short, damaged or unsafe, or names a clip or metadata.csv twice.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"dataset.archive: {path} does not exist")
    seen: dict[str | None, str] = {}
    for member in _folder_members(path) if path.is_dir() else _archive_members(path):
        if member.problem:
            yield member
            continue
        if member.utterance in seen:
            raise UserError(
                f"{path}: {seen[member.utterance]} and {member.name} are the same "
                f"{'clip' if member.utterance else 'table'}; keep one of them"
            )
        seen[member.utterance] = member.name
        yield member
    if None not in seen:
        raise UserError(f"{path}: no metadata.csv in it; expected LJSpeech layout: metadata.csv and wavs/<id>.wav")


def check_sha256(path: str | Path, expected: str | None) -> None:
    """UserError if the archive's sha256 is not the expected one; None, and a folder, are not checked."""
    if expected is None or Path(path).is_dir():
        return
    if (found := files.sha256(path)) != expected:
        raise UserError(
            f"dataset.sha256 is not that of {path}\n  found    {found}\n  expected {expected}\n"
            "Take the right file, or put the found hash (null for one's own recordings) into dataset.sha256."
        )


def _folder_members(folder: Path) -> Iterator[Member]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    for file in tqdm(found, desc="reading clips", unit="file", mininterval=2):
        if member := _member(file.relative_to(folder).as_posix(), file.read_bytes):
            yield member


def _archive_members(path: Path) -> Iterator[Member]:
    with (
        _damage_explained(path),
        _open(path) as stream,
        tarfile.open(fileobj=stream, mode="r:", errors="replace") as tar,
        tqdm(total=path.stat().st_size, desc="reading archive", unit="B", unit_scale=True, mininterval=2) as bar,
    ):
        for entry in tar:
            _refuse_unsafe(entry, path)
            bar.update(_compressed_offset(stream) - bar.n)
            if entry.isfile() and (member := _member(entry.name, partial(_read_entry, path, tar, entry))):
                yield member
            tar.members.clear()  # else the headers of all members stay in memory
        # tarfile takes a damaged header for the end of the archive; the real end is a block of zeros.
        stream.seek(tar.offset)
        if stream.read(BLOCK) != bytes(BLOCK):
            raise tarfile.ReadError("no end-of-archive mark")
        bar.update(bar.total - bar.n)


def _read_entry(path: Path, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    with _damage_explained(path):
        return tar.extractfile(entry).read()


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, RuntimeError, ValueError) as error:  # the last two are rapidgzip's
        raise UserError(
            f"{path}: truncated or damaged ({error}); delete it and download it again, or make the archive again"
        ) from None


def _open(path: Path) -> BinaryIO:
    with open(path, "rb") as file:
        magic = file.read(3)
    if magic == b"BZh":
        return rapidgzip.IndexedBzip2File(str(path), parallelization=0)  # 0: all cores
    if magic[:2] == b"\x1f\x8b":
        return rapidgzip.RapidgzipFile(str(path), parallelization=0)
    if path.suffix in {".xz", ".txz", ".zst", ".zip", ".7z", ".rar"}:
        raise UserError(f"{path}: archives may be .tar.bz2, .tar.gz or .tar (or unpack it and name the folder)")
    return open(path, "rb")


def _compressed_offset(stream: BinaryIO) -> int:
    return stream.tell_compressed() // 8 if hasattr(stream, "tell_compressed") else stream.tell()


def _refuse_unsafe(entry: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts:
        kind = "a name that leads outside the archive"
    elif entry.issym() or entry.islnk():
        kind = f"a link to {entry.linkname!r}"
    elif not (entry.isfile() or entry.isdir()):
        kind = "a device or other special file"
    else:
        return
    raise UserError(f"{path}: member {entry.name!r} is {kind}; such an archive is not read, make one of plain files")


def _member(name: str, read: Callable[[], bytes]) -> Member | None:
    path = PurePosixPath(name)
    if path.name == "metadata.csv":
        return Member(name, None, "", read)
    utterance = characters.visible(path.stem)  # macOS decomposes letters
    if problem := _no_clip(path):
        return Member(name, utterance, "", read, problem)
    return Member(name, utterance, path.suffix.lower(), read) if audio.is_recording(path) else None


def _no_clip(path: PurePosixPath) -> str | None:
    """Why a file is not read though it lies in wavs/ or is a recording; None if it is read, or neither."""
    parts = path.parts[:-1]
    if "wavs" not in parts:
        return f"{path.name} lies outside wavs/" if audio.is_recording(path) else None
    place = "/".join(path.parts[parts.index("wavs") :])
    if path.name.startswith("."):
        return f"{place} is a hidden file, such as macOS and editors keep beside others"
    if not audio.is_recording(path):
        return f"{place} has none of the suffixes {' '.join(audio.SUFFIXES)}"
    return None if parts[-1] == "wavs" else f"{place} lies in a folder inside wavs/"
