"""The two tables of clips: LJSpeech's metadata.csv, read, and the coqui formatter's mdata.csv, written and read.

metadata.csv: `id|transcription|normalized transcription`, no header, no quoting. Ids and texts are taken in Unicode's
composed form (NFC), whatever system wrote them, and without invisible characters.
mdata.csv: header `audio_file|text|speaker_name`, audio_file relative to its folder (`wavs/<id>.wav`).
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from xtts_cloning.errors import UserError
from xtts_cloning.model import characters

LJSPEECH_COLUMNS = "id|transcription|normalized transcription"
NEARLY_ALL = 0.8  # of the rows
SHARED_BY = 10  # rows on average
MDATA_COLUMNS = ["audio_file", "text", "speaker_name"]

Problem = tuple[str, str, str]  # utterance id, reason as a short slug, detail


def parse_ljspeech(data: bytes, name: str) -> tuple[dict[str, str], list[Problem]]:
    """Normalized transcript by utterance id, and the rows that cannot be used, with row numbers, in the file's order.

    CRLF line ends and a byte order mark are taken as they come; quote marks are text. UserError if the file is not
    UTF-8, is empty, or has no usable row at all.
    """
    lines = re.split(r"\r\n|\r|\n", _decoded(data, name))
    rows = [(number, line.split("|")) for number, line in enumerate(lines, 1) if line]
    if not rows:
        raise UserError(f"{name} is empty; expected one row {LJSPEECH_COLUMNS} for each clip")
    counts = Counter(_utterance(row) for _, row in rows if len(row) == 3)
    texts, problems = {}, []
    for number, row in rows:
        utterance = _utterance(row)
        if found := _row_problem(row, counts):
            problems.append((utterance, found[0], f"row {number}: {found[1]}"))
        else:
            texts[utterance] = characters.visible(row[2]).strip()
    if not texts:
        utterance, reason, detail = problems[0]
        raise UserError(
            f"{name}: none of its {len(rows)} rows can be used; expected {LJSPEECH_COLUMNS}. "
            f"The first: {detail} ({reason}, {utterance!r})"
        )
    _refuse_shared_texts(list(texts.values()), name)
    return texts, problems


def _utterance(row: list[str]) -> str:
    return characters.visible(row[0]).strip()


def _refuse_shared_texts(texts: list[str], name: str) -> None:
    """UserError if the texts are no transcripts: nearly all are one, or a few names (of speakers) stand in all rows."""
    counts = Counter(texts)
    text, count = counts.most_common(1)[0]
    if (count > 2 and count >= NEARLY_ALL * len(texts)) or len(texts) >= SHARED_BY * max(2, len(counts)):
        raise UserError(
            f"{name}: {text!r} is the normalized transcript (third column) of {count} of its {len(texts)} rows, which "
            f"have {len(counts)} different ones: no transcripts, names of speakers perhaps. Expected "
            f"{LJSPEECH_COLUMNS}; with nothing to write out, repeat the second column in the third."
        )


def write_mdata(path: str | Path, frame: pd.DataFrame) -> None:
    """Write mdata.csv so that pandas with its defaults, as the coqui formatter calls it, gives every row back.

    UserError names a row that does not come back (a text that is only `null` reads as missing, for example).
    """
    frame.to_csv(path, sep="|", index=False, columns=MDATA_COLUMNS, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    back = pd.read_csv(path, sep="|").astype(str)
    for written, read in zip(frame[MDATA_COLUMNS].to_numpy(), back.to_numpy(), strict=True):
        if list(written) != list(read):
            raise UserError(
                f"the row {'|'.join(written)} does not survive the table that the TTS library reads: "
                f"it comes back as {'|'.join(read)}. Change its transcript (or the config's speaker), or leave it out."
            )


def read_mdata(path: str | Path) -> pd.DataFrame:
    """DataFrame with the columns audio_file, text, speaker_name, all text; UserError names the first bad row."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not there; the subset step makes it")
    lines = list(csv.reader(io.StringIO(_decoded(path.read_bytes(), str(path)), newline=""), delimiter="|"))
    if not lines or lines[0] != MDATA_COLUMNS:
        raise UserError(f"{path}: the first row is {lines[:1]}; expected {'|'.join(MDATA_COLUMNS)}")
    seen = set()
    for number, row in enumerate(lines[1:], start=2):
        if len(row) != 3 or not all(field.strip() for field in row):
            raise UserError(f"{path}, row {number}: {row}; expected three columns, none empty")
        if row[0] in seen:
            raise UserError(f"{path}, row {number}: {row[0]} is named twice")
        if not (path.parent / row[0]).is_file():
            raise UserError(f"{path}, row {number}: {path.parent / row[0]} does not exist")
        seen.add(row[0])
    return pd.DataFrame(lines[1:], columns=MDATA_COLUMNS)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}, row {row}: byte 0x{data[error.start]:02x} is not UTF-8; save the file in UTF-8 encoding"
        ) from None


def _row_problem(row: list[str], counts: Counter) -> tuple[str, str] | None:
    utterance = _utterance(row)
    if len(row) != 3:
        return "wrong_columns", f"{len(row)} columns, expected 3: {LJSPEECH_COLUMNS}"
    if not utterance or Path(utterance).name != utterance or utterance.startswith("."):
        return "bad_id", f"{utterance!r} is not the name of a file in wavs/ without its suffix"
    if counts[utterance] > 1:
        return "duplicate_id", f"named by {counts[utterance]} rows: which transcript is right?"
    if not characters.visible(row[2]).strip():
        return "empty_text", "the normalized transcript (third column) is empty"
    return None
