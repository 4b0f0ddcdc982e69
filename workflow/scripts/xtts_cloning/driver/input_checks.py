"""Checks of what a config takes in: recordings, texts, other voices."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from xtts_cloning import config
from xtts_cloning.data import archives, metadata
from xtts_cloning.driver import findings, model_checks, remote
from xtts_cloning.driver.findings import Note
from xtts_cloning.errors import UserError
from xtts_cloning.model import builtin_speakers, downloads, languages, texts
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
    if path.is_dir():
        return _transcripts(path, settings["language"])
    stored = path.parent / downloads.STORE / str(sha256)
    if sha256 is None or (stored.exists() and stored.samefile(path)):  # checked as it came
        return str(path)
    archives.check_sha256(path, sha256)
    return str(path)


def _transcripts(folder: Path, language: str) -> str:
    """What is wrong with a folder's table, before its clips are read; a Note if it reads as another language."""
    found = []
    for table in folder.glob("**/metadata.csv"):
        found += metadata.parse_ljspeech(table.read_bytes(), str(table))[0].values()
    return _in_language(found, language, "dataset.archive", str(folder))


def spoken_texts(settings: dict) -> str:
    """What is said where a text has digits or symbols, and a Note if the texts read as another language."""
    synthesis, language = settings["synthesis"], settings["language"]
    _refuse_english_defaults(settings)
    wanted = utterances.phrases(synthesis) + utterances.lines(synthesis["lines"])
    folder = model_checks.model_files(settings, "config.json", "vocab.json")
    if isinstance(folder, Note):
        return folder
    planned = utterances.plan(wanted, folder, language, synthesis["split_sentences"])
    sentences = sum(len(utterance.sentences) for utterance in planned)
    told = [f"{len(planned)} texts, {sentences} sentences: the tokenizer knows every character of them"]
    tokenizer = texts.load_tokenizer(folder / "vocab.json")
    for utterance in planned:
        if utterance.kind != "probe" and any(map(_said_otherwise, utterance.text)):
            said = " ".join(texts.cleaned(tokenizer, sentence, language) for sentence in utterance.sentences)
            told.append(f"{utterance.id}: {utterance.text}\n  is said: {said}")
    return _in_language([text.text for text in wanted], language, "synthesis.phrases, synthesis.lines", "\n".join(told))


def _said_otherwise(character: str) -> bool:
    """Whether it is a digit or a symbol, which the tokenizer writes out."""
    return unicodedata.category(character)[0] in "NS" or character in "%&@#*/\\+=_"


def _refuse_english_defaults(settings: dict) -> None:
    """UserError where another language would be given config.yaml's own phrases or lines to speak."""
    shipped, synthesis = config.load(config.DEFAULTS), settings["synthesis"]
    english = {phrase["text"] for phrase in shipped["synthesis"]["phrases"]}
    spoken = {phrase["text"] for phrase in synthesis["phrases"]}
    left = ["synthesis.phrases"] if spoken and spoken <= english else []
    left += ["synthesis.lines"] if synthesis["lines"] == shipped["synthesis"]["lines"] else []
    if left and settings["language"] != shipped["language"]:
        raise UserError(
            f"language is {settings['language']}, but {' and '.join(left)} are the English ones of config/config.yaml\n"
            "Give texts in the language: `phrases` as in config/config.yaml, or [] for none, and a file of `lines`."
        )


def _in_language(found: Iterable[str], language: str, key: str, told: str) -> str:
    other = languages.reads_as(found, language)
    return Note(f"{told}\n{key}: reads as {other!r}, but language is {language!r}") if other else told


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
