"""What a run leaves: the systems that it compares, and its files, read where they lie (None: there is no such file)."""

import json
from pathlib import Path

import pandas

from xtts_cloning.errors import UserError

LABELS = {"ground_truth": "Ground truth", "zero_shot": "Zero-shot", "finetuned": "Fine-tuned"}  # in the page's order
SPOKEN = ("zero_shot", "finetuned")


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
