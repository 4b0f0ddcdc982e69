"""What a check of the preflight says, and what several checks say in the same words."""

from pathlib import Path
from typing import NamedTuple

from xtts_cloning.errors import UserError

MADE_LATER = "is not there yet: left to the rules that write into data/"


class Note(str):
    """What a check found that stops nothing, but should be known."""


class Result(NamedTuple):
    """What a check found; `status` is ok, note or failed, and the lines after the first of a failure are its remedy."""

    name: str
    status: str
    text: str


def existing(key: str, path: Path) -> str:
    return str(path) if path.exists() else missing(key, path)


def missing(key: str, path: Path) -> str:
    """A Note where a rule may yet make the file, as the demo's rules do; a UserError elsewhere."""
    if path.absolute().is_relative_to(Path("data").absolute()):
        return Note(f"{path} {MADE_LATER}")
    raise UserError(f"{key}: {path} does not exist\nCorrect the path (relative ones start at {Path.cwd()}).")
