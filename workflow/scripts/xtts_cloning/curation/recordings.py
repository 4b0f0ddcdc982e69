"""Which recordings a folder holds: files of sound or film, at any depth, with the script that may lie beside each."""

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from xtts_cloning.errors import UserError

SUFFIXES = frozenset(
    [
        ".wav",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".m4a",
        ".m4b",
        ".aac",
        ".webm",
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
        ".mp4",
        ".mov",
        ".mkv",
        ".mka",
        ".3gp",
    ]
)
SCRIPT_SUFFIXES = (".txt", ".srt", ".vtt")
CORRECTIONS = "corrections.csv"  # in the folder itself


class Recording(NamedTuple):
    """A file to make clips of; `name` starts the clips' ids; `script` is the file with its text, or None."""

    path: Path
    name: str
    script: Path | None


def find(folder: Path) -> list[Recording]:
    """The folder's recordings, sorted by name; UserError if it holds none, or two whose clips would have the same ids."""
    if not folder.is_dir():
        raise UserError(f"dataset.recordings: {folder} is not a folder; expected one that holds recordings")
    paths = [path for path in sorted(folder.rglob("*")) if _is_recording(path, folder)]
    if not paths:
        raise UserError(f"dataset.recordings: no recording in {folder}; files may end in {' '.join(sorted(SUFFIXES))}")
    named: dict[str, Path] = {}
    for path in paths:
        name = _name(path.relative_to(folder))
        if name in named:
            raise UserError(
                f"dataset.recordings: the clips of {named[name]} and {path} would have the same names; rename one of them"
            )
        named[name] = path
    return [Recording(path, name, _script(path)) for name, path in sorted(named.items())]


def files(folder: Path) -> list[Path]:
    """Every file of the folder that the clips depend on: recordings, scripts, corrections."""
    found = find(folder)
    listed = [file for recording in found for file in (recording.path, recording.script) if file]
    corrections = folder / CORRECTIONS
    return sorted({*listed, *([corrections] if corrections.is_file() else [])})


def _is_recording(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def _name(path: Path) -> str:
    """The path without its suffix as a file name: letters and digits of any script, and dashes."""
    text = unicodedata.normalize("NFC", path.with_suffix("").as_posix())
    return re.sub(r"[^\w]+", "-", text).strip("-_") or "recording"


def _script(path: Path) -> Path | None:
    beside = [path.with_suffix(suffix) for suffix in SCRIPT_SUFFIXES if path.with_suffix(suffix).is_file()]
    if len(beside) > 1:
        raise UserError(f"{path} has {len(beside)} scripts, {beside[0].name} and {beside[1].name}; keep one of them")
    return beside[0] if beside else None
