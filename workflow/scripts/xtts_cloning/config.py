"""The config: read, merge over the defaults, check against the strict schema, cut into one slice per step."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from xtts_cloning.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
DEFAULTS = ROOT / "config" / "config.yaml"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"

LICENCE_VARIABLE = "COQUI_TOS_AGREED"  # the TTS library's own
LICENCE_REMEDY = (
    "the licence of XTTS-v2 is not accepted: its weights, what they speak and every fine-tune of them are for "
    "non-commercial use only\nRead https://coqui.ai/cpml.txt (Coqui Public Model License); if you agree, set "
    f"model.accept_cpml: true in the config, or {LICENCE_VARIABLE}=1 in the environment."
)

CONDITIONING = [f"reference.{key}" for key in ("gpt_cond_len", "gpt_cond_chunk_len", "max_ref_len", "sound_norm_refs")]
COMPUTE = ["compute.device", "compute.threads"]

# What each step may read, and so what reruns it when it changes.
STEPS = {
    "make_demo_model": ["seed"],
    "download_dataset": ["dataset"],
    "download_model": ["model.source", "model.revision"],
    "subset": ["dataset.sha256", "language", "seed", "speaker", "subset"],
    "reference": ["seed", "reference.clip", "reference.min_seconds", "reference.max_seconds"],
    "finetune": ["language", "seed", "finetune", *COMPUTE],
    "synthesize": ["language", "seed", "synthesis", *CONDITIONING, *COMPUTE],
    "synthesize_other_speaker": ["language", "seed", "synthesis", *COMPUTE],
    "evaluate": ["language", "seed", "evaluation", *COMPUTE],
    "export": [
        *("run", "speaker", "language", "dataset.archive", "model.source", "model.revision"),
        *(*CONDITIONING, "compute.threads"),
    ],
    # everything but what changes no result: the licence's acceptance and the choice of the image
    "report": [
        *("run", "speaker", "language", "seed", "dataset", "subset", "reference", "model.source", "model.revision"),
        *("finetune", "synthesis", "evaluation", "report", *COMPUTE),
    ],
}


def load(path: str | Path) -> dict:
    """The config at `path`, merged over config/config.yaml as Snakemake merges --configfile, and checked."""
    config = _read(DEFAULTS)
    _merge(config, _read(Path(path)))
    check(config, str(path))
    return config


def check(config: dict, name: str = "config") -> None:
    """Raise a UserError that lists every key that is unknown, missing, of a wrong type or out of range."""
    validator = jsonschema.Draft202012Validator(_read(SCHEMA))
    errors = sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        lines = "\n".join(f"  {_explain(error)}" for error in errors)
        raise UserError(f"{name} is not a valid config:\n{lines}\nEvery key is explained in config/README.md.")


def settings(config: dict, step: str) -> dict:
    """The step's slice of the config, with the config's own nesting."""
    part: dict[str, Any] = {}
    for dotted in STEPS[step]:
        *parents, last = dotted.split(".")
        source, target = config, part
        for key in parents:
            source, target = source[key], target.setdefault(key, {})
        target[last] = source[last]
    return part


def is_url(location: str) -> bool:
    """Whether a dataset's archive must be downloaded; everything else is a local path."""
    return location.startswith(("http://", "https://"))


def is_hub_repository(source: str) -> bool:
    """Whether model.source names a hub repository (owner/name) rather than a local folder."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", source) is not None and not (ROOT / source).is_dir()


def archive_path(config: dict) -> str:
    """Where the dataset's archive or folder lies once it is there."""
    archive = config["dataset"]["archive"]
    return f"data/downloads/{re.sub('[{}<>]', '_', archive.rsplit('/', 1)[-1])}" if is_url(archive) else archive


def model_folder(config: dict) -> str:
    """Where the model's files lie once they are there."""
    source = config["model"]["source"]
    return f"data/models/{source.split('/')[1]}" if is_hub_repository(source) else source


def is_path(value: str) -> bool:
    """Whether a key that takes a name or a path holds a path: one with a slash or a suffix."""
    return "/" in value or Path(value).suffix != ""


def builtin_speaker(config: dict) -> str | None:
    """The model's own speaker that evaluation.other_speaker names; None for recordings or nobody."""
    other = config["evaluation"]["other_speaker"]
    return None if other is None or is_path(other) else other


def licence_problem(config: dict, environment: Mapping[str, str]) -> str | None:
    """What to read and set before the hub's model may be used, or None where that is done or not needed."""
    accepted = config["model"]["accept_cpml"] or environment.get(LICENCE_VARIABLE) == "1"
    return LICENCE_REMEDY if is_hub_repository(config["model"]["source"]) and not accepted else None


def read_settings(argument: str, step: str) -> dict:
    """The step's slice from a --settings argument: JSON text as Snakemake passes it, or a path to a config file."""
    if argument.lstrip().startswith("{"):
        return json.loads(argument)
    return settings(load(argument), step)


def _read(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"config file {path} does not exist; config/config.yaml is the one to start from") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}); save it in UTF-8 encoding") from None
    except OSError as error:
        raise UserError(f"config file {path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold keys and values, not {type(content).__name__}")
    return content


def _merge(base: dict, change: dict) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _explain(error: jsonschema.ValidationError) -> str:
    path = list(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        unknown = [".".join([*path, key]) for key in error.instance if key not in error.schema["properties"]]
        return f"{', '.join(unknown)}: there is no such key; correct its name, or take it out"
    key = ".".join(path) or "top level"
    described = error.schema.get("description") if isinstance(error.schema, dict) else None
    return f"{key}: {error.message}" + (f" ({described})" if described else "")
