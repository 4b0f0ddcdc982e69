"""Checks of what a config takes in: recordings, texts, other voices."""

from pathlib import Path

from xtts_cloning import config
from xtts_cloning.data import archives
from xtts_cloning.driver import findings, model_checks, remote
from xtts_cloning.driver.findings import Note
from xtts_cloning.errors import UserError
from xtts_cloning.model import builtin_speakers, downloads
from xtts_cloning.speech import utterances


def dataset(settings: dict) -> str:
    archive, sha256 = settings["dataset"]["archive"], settings["dataset"]["sha256"]
    path = Path(config.archive_path(settings))
    if config.is_url(archive) and sha256 is None:
        raise UserError(downloads.missing_sha256(archive))
    if config.is_url(archive) and not path.exists():
        size = remote.ask(archive, {}, redirects=True, remedy="dataset.archive: check the address")
        return f"to be downloaded from {archive}" + (f", {int(size) / 1e9:.2f} GB" if size else "")
    if not path.exists():
        return findings.missing("dataset.archive", path)
    if path.is_dir() and not list(path.glob("**/metadata.csv")):
        raise UserError(
            f"dataset.archive: no metadata.csv in {path}\nExpected LJSpeech layout: metadata.csv and wavs/."
        )
    stored = path.parent / downloads.STORE / str(sha256)
    if sha256 is None or path.is_dir() or (stored.exists() and stored.samefile(path)):  # checked as it came
        return str(path)
    archives.check_sha256(path, sha256)
    return str(path)


def spoken_texts(settings: dict) -> str:
    synthesis = settings["synthesis"]
    wanted = utterances.phrases(synthesis) + utterances.lines(synthesis["lines"])
    folder = model_checks.model_files(settings, "config.json", "vocab.json")
    if isinstance(folder, Note):
        return folder
    planned = utterances.plan(wanted, folder, settings["language"], synthesis["split_sentences"])
    sentences = sum(len(utterance.sentences) for utterance in planned)
    return f"{len(planned)} texts, {sentences} sentences: the tokenizer knows every character of them"


def audio_files(settings: dict) -> str:
    clip, other = settings["reference"]["clip"], settings["evaluation"]["other_speaker"]
    found = []
    if config.is_path(clip):  # the rest are auto and utterance ids, which the reference step looks up
        found.append(findings.existing("reference.clip", Path(clip)))
    if other is not None and config.is_path(other):
        found.append(findings.existing("evaluation.other_speaker", Path(other)))
    notes = [text for text in found if isinstance(text, Note)]
    return Note("; ".join(notes)) if notes else "; ".join(found) or "none named"


def other_speaker(settings: dict) -> str:
    name, folder = config.builtin_speaker(settings), Path(config.model_folder(settings))
    if name is None:
        return "recordings" if settings["evaluation"]["other_speaker"] else "none"
    if config.is_hub_repository(settings["model"]["source"]) or not folder.exists():
        folder = model_checks.model_files(settings, builtin_speakers.FILE)
    return folder if isinstance(folder, Note) else f"{builtin_speakers.check(folder, name)}, a speaker of the model"
