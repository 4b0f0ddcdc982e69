"""Read what a run has left, where it has left it: None stands for a file that is not there."""

import json
from pathlib import Path

import pandas

from xtts_cloning.errors import UserError


def read_json(path: Path) -> dict | None:
    """The content of a JSON file, or None if there is no such file."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it and run the step that makes it again") from None


def read_table(path: Path, separator: str = ",") -> pandas.DataFrame | None:
    """A table with its identifiers and texts as strings, or None if there is no such file or no row."""
    if not path.is_file():
        return None
    texts = dict.fromkeys(("utterance", "id", "text", "audio_file", "reason", "detail"), str)
    table = pandas.read_csv(path, sep=separator, dtype=texts)
    return table if len(table) else None
