"""Checks of the model and of the measures' models: licence, hub, files, and whether they fit each other."""

import os
from pathlib import Path

from xtts_cloning import config
from xtts_cloning.driver import findings, remote
from xtts_cloning.driver.findings import MADE_LATER, Note
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.hub_models import HUB_MODELS
from xtts_cloning.model import checkpoints, downloads, texts
from xtts_cloning.model import config as model_config

LOCAL_FILES = checkpoints.MODEL_FILES


def licence(settings: dict) -> str:
    if problem := config.licence_problem(settings, os.environ):
        raise UserError(problem)
    return "accepted" if config.is_hub_repository(settings["model"]["source"]) else "a local model: yours to know"


def model(settings: dict) -> str:
    source, revision = settings["model"]["source"], settings["model"]["revision"]
    folder, hub = Path(config.model_folder(settings)), config.is_hub_repository(source)
    if hub and revision is None:
        raise UserError(f"model.revision is null\nPut the commit of {source} that you want, 40 hex digits, there.")
    missing = [name for name in LOCAL_FILES if not (folder / name).is_file()]
    if hub and missing:
        remote.ask_hub(source, revision, "model.pth", "model.source, model.revision")
        return f"to be downloaded: {source} at {revision}"
    if not folder.exists():
        return findings.missing("model.source", folder)
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
    described = model_config.read(folder)
    checkpoints.check_weights_fit(described, shapes, vocabulary)
    dvae, codes = folder / "dvae.pth", described["model_args"]["gpt_num_audio_tokens"] - 2
    checkpoints.dvae_weights(checkpoints.shapes(dvae), dvae, codes)
    return f"{folder}, config and vocabulary fit the weights"


def model_files(settings: dict, *names: str) -> Path | Note:
    """The folder where these files of the model lie, once brought from the hub; a Note where they cannot be."""
    source, revision = settings["model"]["source"], settings["model"]["revision"]
    folder = Path(config.model_folder(settings))
    if all((folder / name).is_file() for name in names):
        return folder
    if not config.is_hub_repository(source):
        return Note(f"not checked: the model's {names[-1]} {MADE_LATER}")
    if config.licence_problem(settings, os.environ) or revision is None:
        return Note(f"not checked: this needs the model's {names[-1]}; see licence and model")
    remote.ask_hub(source, revision, names[-1], "model.source, model.revision")
    return downloads.fetch_model_files(source, revision, names, folder.parent)


def measures(settings: dict) -> str:
    wanted = [settings["evaluation"][key] for key in ("asr", "similarity")]
    absent = [
        model
        for name, model in HUB_MODELS.items()
        if name in wanted and not all(Path("data/models/measures", name, file).is_file() for file in model.files)
    ]
    for model in absent:
        remote.ask_hub(model.repository, model.revision, model.files[0], "evaluation.asr, evaluation.similarity")
    told = f"to be downloaded: {', '.join(model.repository for model in absent)}" if absent else "nothing to download"
    if settings["evaluation"]["asr"] == "pocketsphinx" and settings["language"] != "en":
        return Note(
            f"{told}\nevaluation.asr: pocketsphinx knows English only, so CER and WER stay empty for "
            f"{settings['language']!r}; whisper knows it"
        )
    return told
