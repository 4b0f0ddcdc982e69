"""Everything that can be known before the first job: each check says what it found, or what is wrong and what to do.

Takes seconds and imports no torch. Of a model that is still on the hub, the small files are fetched: they are the first
of the download, and checked against the texts, the language and the speaker of the config.
"""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests

from xtts_cloning import config, machine
from xtts_cloning.data import archives
from xtts_cloning.driver import needs
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.hub_models import HUB_MODELS
from xtts_cloning.model import builtin_speakers, checkpoints, downloads, texts
from xtts_cloning.model import config as model_config
from xtts_cloning.speech import utterances

LOCAL_FILES = ("model.pth", "config.json", "vocab.json", "dvae.pth", "mel_stats.pth")  # of a model folder
SECONDS_TO_ANSWER = 8
MADE_LATER = "is not there yet: left to the rules that write into data/"


class Note(str):
    """What a check found that stops nothing, but should be known."""


class Result(NamedTuple):
    """What a check found; `status` is ok, note or failed, and the lines after the first of a failure are its remedy."""

    name: str
    status: str
    text: str


def run(settings: dict, gpu: bool) -> Iterator[Result]:
    """Every check of a whole, valid config, in turn; `gpu` False leaves out what the machine of the jobs must have."""
    checks: dict[str, Callable[[dict], str]] = {
        "packages": _packages,
        "licence": _licence,
        "dataset": _dataset,
        "model": _model,
        "texts": _texts,
        "audio files": _audio_files,
        "other speaker": _other_speaker,
        "measures": _measures,
        "disk space": _disk_space,
        **({"GPU": _gpu} if gpu else {}),
    }
    for name, check in checks.items():
        try:
            found = check(settings)
            yield Result(name, "note" if isinstance(found, Note) else "ok", found)
        except UserError as error:
            yield Result(name, "failed", str(error))


def _packages(settings: dict) -> str:
    if wrong := machine.unlike_lock():
        raise UserError(f"not as envs/xtts.lock has it: {'; '.join(wrong[:5])}\nRun `make setup`.")
    return "as locked"


def _licence(settings: dict) -> str:
    if problem := config.licence_problem(settings, os.environ):
        raise UserError(problem)
    return "accepted" if config.is_hub_repository(settings["model"]["source"]) else "a local model: yours to know"


def _dataset(settings: dict) -> str:
    archive, sha256 = settings["dataset"]["archive"], settings["dataset"]["sha256"]
    path = Path(config.archive_path(settings))
    if config.is_url(archive) and sha256 is None:
        raise UserError(downloads.missing_sha256(archive))
    if config.is_url(archive) and not path.exists():
        size = _ask(archive, {}, redirects=True, remedy="dataset.archive: check the address")
        return f"to be downloaded from {archive}" + (f", {int(size) / 1e9:.2f} GB" if size else "")
    if not path.exists():
        return _missing("dataset.archive", path)
    if path.is_dir() and not list(path.glob("**/metadata.csv")):
        raise UserError(
            f"dataset.archive: no metadata.csv in {path}\nExpected LJSpeech layout: metadata.csv and wavs/."
        )
    stored = path.parent / downloads.STORE / str(sha256)
    if sha256 is None or path.is_dir() or (stored.exists() and stored.samefile(path)):  # checked as it came
        return str(path)
    archives.check_sha256(path, sha256)
    return str(path)


def _model(settings: dict) -> str:
    source, revision = settings["model"]["source"], settings["model"]["revision"]
    folder, hub = Path(config.model_folder(settings)), config.is_hub_repository(source)
    if hub and revision is None:
        raise UserError(f"model.revision is null\nPut the commit of {source} that you want, 40 hex digits, there.")
    missing = [name for name in LOCAL_FILES if not (folder / name).is_file()]
    if hub and missing:
        _ask_hub(source, revision, "model.pth", "model.source, model.revision")
        return f"to be downloaded: {source} at {revision}"
    if not folder.exists():
        return _missing("model.source", folder)
    if missing:
        raise UserError(
            f"model.source: {folder} lacks {', '.join(missing)}\nA model folder holds {', '.join(LOCAL_FILES)}."
        )
    for name in LOCAL_FILES if (source, revision) == checkpoints.PINNED else ():
        found, expected = (folder / name).stat().st_size, checkpoints.PINS[name][0]
        if found != expected:
            raise UserError(
                f"{folder / name} has {found} bytes, expected {expected}\nDelete it: it is then brought again."
            )
    vocabulary = texts.load_tokenizer(folder / "vocab.json").get_number_tokens()
    shapes = checkpoints.weights_in(checkpoints.shapes(folder / "model.pth"), folder / "model.pth")
    checkpoints.check_weights_fit(model_config.read(folder), shapes, vocabulary)
    return f"{folder}, config and vocabulary fit the weights"


def _texts(settings: dict) -> str:
    synthesis = settings["synthesis"]
    wanted = utterances.phrases(synthesis) + utterances.lines(synthesis["lines"])
    folder = _model_files(settings, "config.json", "vocab.json")
    if isinstance(folder, Note):
        return folder
    planned = utterances.plan(wanted, folder, settings["language"], synthesis["split_sentences"])
    sentences = sum(len(utterance.sentences) for utterance in planned)
    return f"{len(planned)} texts, {sentences} sentences: the tokenizer knows every character of them"


def _model_files(settings: dict, *names: str) -> Path | Note:
    """The folder where these files of the model lie, once brought from the hub; a Note where they cannot be."""
    source, revision = settings["model"]["source"], settings["model"]["revision"]
    folder = Path(config.model_folder(settings))
    if all((folder / name).is_file() for name in names):
        return folder
    if not config.is_hub_repository(source):
        return Note(f"not checked: the model's {names[-1]} {MADE_LATER}")
    if config.licence_problem(settings, os.environ) or revision is None:
        return Note(f"not checked: this needs the model's {names[-1]}; see licence and model")
    _ask_hub(source, revision, names[-1], "model.source, model.revision")
    return downloads.fetch_model_files(source, revision, names, folder.parent)


def _audio_files(settings: dict) -> str:
    clip, other = settings["reference"]["clip"], settings["evaluation"]["other_speaker"]
    found = []
    if config.is_path(clip):  # the rest are auto and utterance ids, which the reference step looks up
        found.append(_existing("reference.clip", Path(clip)))
    if other is not None and config.is_path(other):
        found.append(_existing("evaluation.other_speaker", Path(other)))
    notes = [text for text in found if isinstance(text, Note)]
    return Note("; ".join(notes)) if notes else "; ".join(found) or "none named"


def _other_speaker(settings: dict) -> str:
    name, folder = config.builtin_speaker(settings), Path(config.model_folder(settings))
    if name is None:
        return "recordings" if settings["evaluation"]["other_speaker"] else "none"
    if config.is_hub_repository(settings["model"]["source"]) or not folder.exists():
        folder = _model_files(settings, builtin_speakers.FILE)
    return folder if isinstance(folder, Note) else f"{builtin_speakers.check(folder, name)}, a speaker of the model"


def _existing(key: str, path: Path) -> str:
    return str(path) if path.exists() else _missing(key, path)


def _measures(settings: dict) -> str:
    wanted = [settings["evaluation"][key] for key in ("asr", "similarity")]
    absent = [
        model
        for name, model in HUB_MODELS.items()
        if name in wanted and not all(Path("data/models/measures", name, file).is_file() for file in model.files)
    ]
    for model in absent:
        _ask_hub(model.repository, model.revision, model.files[0], "evaluation.asr, evaluation.similarity")
    return f"to be downloaded: {', '.join(model.repository for model in absent)}" if absent else "nothing to download"


def _disk_space(settings: dict) -> str:
    """Room for what is still to be written, file system by file system."""
    by_device: dict[int, list[needs.Need]] = {}
    for need in needs.still_to_write(settings):
        by_device.setdefault(machine.free_space(need.path)[0], []).append(need)
    lines = []
    for wanted in by_device.values():
        total, free = sum(need.size for need in wanted), machine.free_space(wanted[0].path)[1]
        listed = ", ".join(f"{need.what} {need.size / 1e9:.1f}" for need in wanted)
        if total > free:
            raise UserError(
                f"{wanted[0].path}: {free / 1e9:.1f} GB free, but {total / 1e9:.1f} GB are to be written: {listed}\n"
                "Make room, or make data/ or results/ a link to a folder on a larger disk."
            )
        lines.append(f"{total / 1e9:.1f} GB to write ({listed}), {free / 1e9:.1f} GB free")
    return "; ".join(lines) or "nothing to write"


def _gpu(settings: dict) -> str:
    device, precision = settings["compute"]["device"], settings["finetune"]["precision"]
    found = None if device == "cpu" else machine.gpu()
    if found is None:
        return _without_gpu(settings, device, precision)
    machine.check_driver(found)
    about = f"{found.name}, driver {found.driver}, {found.free / 1e9:.0f} of {found.memory / 1e9:.0f} GB free"
    memory = needs.gpu_memory(settings)
    if memory is None:
        return about
    state, all_in_all = memory
    if found.free < state:
        raise UserError(
            f"{about}, but weights, gradients and optimizer alone need {state / 1e9:.1f} GB\n"
            "Stop what else runs on it (nvidia-smi lists it), take a larger one, or set compute.device: cpu."
        )
    if found.free < all_in_all:
        return Note(
            f"{about}; fine-tuning with these settings may need {all_in_all / 1e9:.0f} GB. If it runs out, "
            "set finetune.gradient_checkpointing: true; or lower finetune.batch_size and raise grad_accum by as much"
        )
    return f"{about}; fine-tuning needs about {math.ceil(all_in_all / 1e9)} GB"


def _without_gpu(settings: dict, device: str, precision: str) -> str:
    problems = []
    if device == "cuda":
        problems.append("compute.device is cuda, but nvidia-smi finds no GPU here\nSet compute.device: auto or cpu.")
    elif precision == "fp16":
        why = "compute.device is cpu" if device == "cpu" else "there is no GPU here"
        problems.append(f"finetune.precision is fp16, which needs a GPU, and {why}\nSet finetune.precision: auto.")
    if problems:
        raise UserError("\n".join(problems))
    said, time = f"on {settings['compute']['threads']} CPU threads", needs.cpu_time(settings)
    said += f"; fine-tuning takes about {time}" if time else ""
    return said if device == "cpu" else Note(f"none here (compute.device is auto): everything runs {said}")


def _missing(key: str, path: Path) -> str:
    """A Note where a rule may yet make the file, as the demo's rules do; a UserError elsewhere."""
    if path.absolute().is_relative_to(Path("data").absolute()):
        return Note(f"{path} {MADE_LATER}")
    raise UserError(f"{key}: {path} does not exist\nCorrect the path (relative ones start at {Path.cwd()}).")


def _ask_hub(repository: str, revision: str, name: str, keys: str) -> None:
    url, headers = downloads.hub_request(repository, revision, name)
    _ask(url, headers, redirects=False, remedy=f"{keys}: check them, and set HF_TOKEN where the repository wants one")


def _ask(url: str, headers: dict[str, Any], redirects: bool, remedy: str) -> str | None:
    """Size as a server states it for an address, after a request that costs it nothing; UserError if it will not do."""
    try:
        answer = requests.head(url, headers=headers, timeout=SECONDS_TO_ANSWER, allow_redirects=redirects)
    except requests.RequestException as error:
        raise UserError(
            f"{url} cannot be reached ({type(error).__name__})\n"
            "Check the network, HTTPS_PROXY and, for the hub, HF_ENDPOINT; or bring the files by hand and name the "
            "local path in the config."
        ) from None
    if answer.status_code >= 400 and answer.status_code not in (405, 501):  # these only say that HEAD is not for them
        raise UserError(f"{url}: the server answers {answer.status_code}\n{remedy}.")
    return answer.headers.get("Content-Length") if answer.ok else None
