"""What a run says: phrases, a file's lines and held-out transcripts, in sentences that the model can speak.

No torch is needed for it, so a config can be checked in seconds.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from xtts_cloning.data import metadata
from xtts_cloning.errors import UserError
from xtts_cloning.model import characters, texts
from xtts_cloning.model import config as model_config
from xtts_cloning.model.library import VoiceBpeTokenizer, split_sentence

MOST_CHARACTERS = 1_000_000  # of one utterance; spaCy, which finds its sentences, takes no more


@dataclass(frozen=True)
class Text:
    """A text to speak: the utterance's name, phrase|line|test|probe, and where an error message should point."""

    id: str
    kind: str
    text: str
    place: str


@dataclass(frozen=True)
class Utterance:
    """A text as the model gets it, sentence by sentence, with the tokenizer's ids of each."""

    id: str
    kind: str
    text: str
    sentences: list[str]
    text_ids: list[list[int]]


def phrases(synthesis: dict) -> list[Text]:
    """The phrases of settings["synthesis"], each followed by its probe if it has one."""
    wanted = []
    for phrase in synthesis["phrases"]:
        place = f"synthesis.phrases, {phrase['id']!r}"
        wanted.append(Text(phrase["id"], "phrase", phrase["text"], place))
        if phrase.get("probe"):
            wanted.append(
                Text(f"{phrase['id']}_unsplit", "probe", phrase["text"], f"{place}, in one piece (probe: true)")
            )
    return wanted


def lines(path: str | Path) -> list[Text]:
    """line01, line02, ... of a UTF-8 text file, blank lines left out.

    A line ends at LF, CR LF or CR, and not at what word processors put inside a line (U+2028, vertical tab, ...).
    """
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; it should hold one utterance per line") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save the file in UTF-8 encoding") from None
    read = (characters.visible(line).strip() for line in re.split(r"\r\n|\r|\n", content))
    spoken = [(number, line) for number, line in enumerate(read, 1) if line]
    if not spoken:
        raise UserError(f"{path} holds no text; expected one utterance per line")
    return [Text(f"line{n:02d}", "line", line, f"{path}, line {number}") for n, (number, line) in enumerate(spoken, 1)]


def transcripts(mdata: str | Path) -> list[Text]:
    """The clips of an mdata.csv, by their ids."""
    rows = metadata.read_mdata(mdata).itertuples()
    return [Text(Path(row.audio_file).stem, "test", row.text, f"{mdata}, {row.audio_file}") for row in rows]


def plan(wanted: list[Text], model_folder: str | Path, language: str, split: bool) -> list[Utterance]:
    """Split and encode every text for the model; a UserError lists all that it cannot speak.

    `split` is synthesis.split_sentences; a probe is never split.
    """
    twice = [name for name, count in Counter(text.id for text in wanted).items() if count > 1]
    if twice:
        raise UserError(f"two utterances are named {', '.join(twice)}; give the phrase in synthesis.phrases another id")
    model_folder = Path(model_folder)
    max_tokens = model_config.read(model_folder)["model_args"]["gpt_max_text_tokens"] - 2  # less start and stop
    tokenizer = texts.load_tokenizer(model_folder / "vocab.json")
    texts.check_language(tokenizer, language, model_folder / "config.json")

    planned, problems = [], []
    for text in wanted:
        try:
            planned.append(_plan_one(text, tokenizer, language, max_tokens, split))
        except UserError as error:
            problems.append(f"  {text.place}: {error}")
    if problems:
        raise UserError("texts that the model cannot speak; change or remove them:\n" + "\n".join(problems))
    return planned


def _plan_one(text: Text, tokenizer: VoiceBpeTokenizer, language: str, max_tokens: int, split: bool) -> Utterance:
    """A text split and encoded; UserError if the model cannot speak it."""
    if len(text.text) > MOST_CHARACTERS:
        raise UserError(
            f"{len(text.text):,} characters in one utterance, at most {MOST_CHARACTERS:,}; write one utterance per line"
        )
    written = texts.written_out(text.text, language)  # before it is split: the point of an ordinal ends no sentence
    whole = text.kind == "probe" or not split
    pieces = [written] if whole else sentences_of(written, tokenizer, language, max_tokens)
    sentences = [piece.strip().lower() for piece in pieces]  # as the library's Xtts.inference does
    if problem := next(filter(None, (texts.problem(tokenizer, s, language, max_tokens) for s in sentences)), None):
        raise UserError(problem)
    text_ids = [texts.token_ids(tokenizer, sentence, language) for sentence in sentences]
    return Utterance(text.id, text.kind, text.text, sentences, text_ids)


def sentences_of(text: str, tokenizer: VoiceBpeTokenizer, language: str, max_text_tokens: int) -> list[str]:
    """A text in pieces of whole sentences within the language's character limit, by the library's split_sentence.

    Where numbers or symbols written out as words make a piece too many tokens, the pieces are made smaller.
    """
    limit = texts.character_limit(language)
    while True:
        pieces = split_sentence(text, language.split("-")[0], limit)
        fits = all(len(texts.token_ids(tokenizer, piece.lower(), language)) <= max_text_tokens for piece in pieces)
        if fits or limit <= 20:
            return pieces
        limit //= 2
