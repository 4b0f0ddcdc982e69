"""Which recordings a folder holds: files of sound or film, at any depth, with the script that may lie beside each."""

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from xtts_cloning import audio
from xtts_cloning.errors import UserError

SCRIPT_SUFFIXES = (".txt", ".srt", ".vtt")


class Recording(NamedTuple):
    """A file to make clips of; `name` starts the clips' ids; `script` is the file with its text, or None."""

    path: Path
    name: str
    script: Path | None


def find(folder: Path) -> list[Recording]:
    """The folder's recordings by name; UserError if it holds none, or two whose clips would have the same ids."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one that holds recordings")
    paths = [path for path in sorted(folder.rglob("*")) if _is_recording(path, folder)]
    if not paths:
        raise UserError(f"no recording in {folder}; expected files such as {audio.FORMATS}")
    named: dict[str, Path] = {}
    for path in paths:
        name = _name(path.relative_to(folder))
        if name in named:
            raise UserError(f"the clips of {named[name]} and {path} would have the same names; rename one of them")
        named[name] = path
    return [Recording(path, name, _script(path)) for name, path in sorted(named.items())]


def _is_recording(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and audio.is_recording(path) and path.is_file()


def _name(path: Path) -> str:
    """The path without its suffix as a file name: letters and digits of any script, and dashes."""
    text = unicodedata.normalize("NFC", path.with_suffix("").as_posix())
    return re.sub(r"[^\w]+", "-", text).strip("-_") or "recording"


def _script(path: Path) -> Path | None:
    beside = [path.with_suffix(suffix) for suffix in SCRIPT_SUFFIXES if path.with_suffix(suffix).is_file()]
    if len(beside) > 1:
        raise UserError(f"{path} has {len(beside)} scripts, {beside[0].name} and {beside[1].name}; keep one of them")
    return beside[0] if beside else None
