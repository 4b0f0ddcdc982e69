"""A model folder's config.json, read without the library."""

import json
from pathlib import Path

from xtts_cloning.errors import UserError


def read(folder: str | Path) -> dict:
    """config.json of a model folder as a dict; UserError if it, or the folder, is not of an XTTS-v2 model."""
    path = Path(folder, "config.json")
    if not path.is_file():
        raise UserError(f"{path} is missing; a model folder holds model.pth, config.json and vocab.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        perceiver = config["model_args"]["gpt_use_perceiver_resampler"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not the config of an XTTS-v2 model ({error!r}); take it from where model.pth is from"
        ) from None
    if not perceiver:
        raise UserError(f"{path}: gpt_use_perceiver_resampler is false, so this is XTTS v1; only XTTS-v2 is supported")
    return config
