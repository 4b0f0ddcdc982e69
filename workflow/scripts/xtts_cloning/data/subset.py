"""Which clips make the data set: the best-ranked good ones, in one pass over the archive, whatever its order.

Every utterance has a rank, a hash of the seed and its id. Of the good clips in rank order, the first `test_clips` are
held out, the next `eval_clips` give the evaluation loss, and the rest, `clips - eval_clips`, are trained on. So:
- a bad clip is replaced by the next by rank, and nothing else moves;
- raising `clips` keeps every clip in its split and adds training clips;
- raising `eval_clips` or `test_clips` keeps the clips already held out and takes the next ones by rank.

Only candidates that are still among the best are kept, encoded, in a spool folder on the disk. If metadata.csv comes
after the clips, texts cannot be checked on the way: a margin of candidates is kept, and only if more texts than that
are bad is the archive read once more.
"""

import heapq
import math
import shutil
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from xtts_cloning import audio
from xtts_cloning.data import archives, metadata
from xtts_cloning.errors import UserError
from xtts_cloning.files import keyed_seed
from xtts_cloning.model import characters, texts

TABLES = [*(f"{name}.csv" for name in ("mdata", "mdata_train", "mdata_eval", "mdata_test", "clips", "rejected"))]
WAVS = "wavs"
RATE = 22050  # Hz, the model's input
REJECTED_COLUMNS = ["id", "reason", "detail"]
CLIP_COLUMNS = ["id", "split", "seconds", "level_dbfs", "peak_dbfs", "snr_db", "text_tokens"]

Rejection = tuple[str, str]  # reason as a short slug, detail


class Pass(NamedTuple):
    """What one pass over the archive found."""

    transcripts: dict[str, str]  # of the usable rows of metadata.csv, by utterance id
    bad_rows: list[metadata.Problem]  # the other rows
    clips: set[str]  # utterance ids of all clips
    not_read: list[tuple[str, str]]  # name, and why it is no clip, of each file that may be taken for one
    good: list[tuple[int, str, Path]]  # rank, utterance id, spooled file of the clips to take, best first
    bad: dict[str, Rejection]  # clips examined and refused for their audio
    outranked: bool  # whether any clip was left out for its rank alone


def make(archive: str | Path, tokenizer, settings: dict, folder: Path) -> str:
    """Fill the empty `folder` with wavs/, the mdata tables, clips.csv and rejected.csv; returns a line that sums it up.

    `settings` is the subset step's slice of the config. UserError if there are too few good clips, with the reasons.
    """
    limits = settings["subset"]
    if limits["eval_clips"] >= limits["clips"]:
        raise UserError(
            f"subset.eval_clips is {limits['eval_clips']} and subset.clips {limits['clips']}: the clips for evaluation "
            "are taken from the clips, and some must be left to train on"
        )
    wanted = limits["clips"] + limits["test_clips"]
    text_problem = cache(lambda text: texts.rejection(tokenizer, text, settings["language"], limits["max_text_tokens"]))
    spool = folder / "spool"
    spool.mkdir()
    found = read_once(archive, settings, text_problem, spool)
    if len(found.good) < wanted and found.outranked:
        print("metadata.csv came last and many transcripts are bad: reading the archive once more", file=sys.stderr)
        found = read_once(archive, settings, text_problem, spool, (found.transcripts, found.bad_rows))
    rejected = rejections(found, text_problem, settings["seed"], complete=len(found.good) == wanted)
    if len(found.good) < wanted:
        raise UserError(_too_few(archive, len(found.good), limits, rejected))
    clips = _write_wavs(found, tokenizer, settings, folder)
    shutil.rmtree(spool)
    _write_tables(clips, found.transcripts, settings["speaker"], folder)
    rejected.to_csv(folder / "rejected.csv", index=False, lineterminator="\n")
    minutes = clips.loc[clips.split != "test", "seconds"].sum() / 60
    return f"{limits['clips']} clips of {minutes:.1f} minutes to learn from, {limits['test_clips']} held out for tests"


def rank(seed: int, utterance: str) -> int:
    """An utterance's place in the order in which clips are taken, lowest first."""
    return keyed_seed(seed, "subset", utterance)


def read_once(archive, settings: dict, text_problem, spool: Path, table=None) -> Pass:
    """One pass over the archive, keeping encoded in `spool` the best-ranked clips that pass every check.

    `table` is what metadata.parse_ljspeech gives, if the file has been read before.
    """
    wanted = settings["subset"]["clips"] + settings["subset"]["test_clips"]
    heap: list[tuple[int, str, Path]] = []  # the best so far, the worst of them on top (ranks are negated)
    bad, clips, not_read, outranked = {}, set(), [], False
    for member in archives.members(archive):
        if member.utterance is None:
            table = table or metadata.parse_ljspeech(member.read(), f"{archive}: {member.name}")
            continue
        if member.problem:
            not_read.append((Path(member.name).name, member.problem))
            continue
        clips.add(member.utterance)
        room = wanted if table else wanted + wanted // 4 + 50
        place = rank(settings["seed"], member.utterance)
        if len(heap) >= room and place > -heap[0][0]:
            outranked = True
            continue
        if table and not _usable(member.utterance, table[0], text_problem):
            continue
        data = member.read()
        if problem := audio_problem(data, settings["subset"]):
            bad[member.utterance] = problem
            continue
        file = spool / f"{member.utterance}{member.suffix}"
        file.write_bytes(data)
        heapq.heappush(heap, (-place, member.utterance, file))
        while len(heap) > room:
            outranked = True
            heapq.heappop(heap)[2].unlink()
    transcripts, bad_rows = table
    candidates = sorted((-negated, utterance, file) for negated, utterance, file in heap)
    good = [candidate for candidate in candidates if _usable(candidate[1], transcripts, text_problem)]
    return Pass(transcripts, bad_rows, clips, not_read, good[:wanted], bad, outranked)


def _usable(utterance: str, transcripts: dict[str, str], text_problem) -> bool:
    return utterance in transcripts and not text_problem(transcripts[utterance])


def audio_problem(data: bytes, limits: dict) -> Rejection | None:
    """Why an encoded clip cannot be used, or None; `limits` is the config's subset section."""
    try:
        samples, rate = audio.decode(data, "clip")
    except UserError as error:
        return "unreadable", str(error).removeprefix("clip: ")
    seconds, level, clipped = len(samples) / rate, audio.level_dbfs(samples), audio.clipped_fraction(samples)
    if seconds < limits["min_seconds"]:
        return "too_short", f"{seconds:.2f} s, at least {limits['min_seconds']} s"
    if seconds > limits["max_seconds"]:
        return "too_long", f"{seconds:.2f} s, at most {limits['max_seconds']} s"
    if level < limits["min_level_dbfs"]:
        return "silent", f"{level:.1f} dBFS, at least {limits['min_level_dbfs']} dBFS"
    if clipped > limits["max_clipped_fraction"]:
        return "clipped", f"{clipped:.4f} of the samples at full scale, at most {limits['max_clipped_fraction']}"
    return None


def rejections(found: Pass, text_problem, seed: int, complete: bool) -> pd.DataFrame:
    """One line for every row of metadata.csv and every file that was left out, the same whatever the archive's order.

    If the subset is complete, clips that rank behind its last clip are `not_needed`, examined or not; they come last.
    """
    chosen = {utterance for _, utterance, _ in found.good}
    last_place = found.good[-1][0] if complete else math.inf
    rows = list(found.bad_rows)
    rows += (not_read := [(_meant(name, found.clips), "not_read", why) for name, why in found.not_read])
    explained = {utterance for utterance, _, _ in not_read}
    for utterance, text in found.transcripts.items():
        if utterance in chosen:
            continue
        if utterance not in found.clips:
            if utterance in explained:
                continue
            reason = "not_in_archive", _not_there(utterance, found.clips)
        elif rank(seed, utterance) > last_place:
            reason = "not_needed", "enough good clips rank before it"
        else:
            reason = text_problem(text) or found.bad[utterance]
        rows.append((utterance, *reason))
    listed = found.transcripts.keys() | {utterance for utterance, _, _ in found.bad_rows}
    rows += [(clip, "not_in_metadata", "no such row in metadata.csv") for clip in found.clips - listed]
    rows.sort(key=lambda row: (row[1] == "not_needed", row))
    return pd.DataFrame(rows, columns=REJECTED_COLUMNS)


def _not_there(utterance: str, clips: set[str]) -> str:
    """What to say of an id without a clip; what it may have been meant to be if it is a path, a file or in quotes."""
    meant = PurePosixPath(utterance.strip("\"'").replace("\\", "/"))
    for name in (meant.name, meant.stem):
        if name in clips:
            return (
                f"no such clip in wavs/, but there is {name!r}: an id is the file's name, no folder, suffix or quotes"
            )
    return "no such clip in wavs/"


def _meant(name: str, clips: set[str]) -> str:
    """The utterance whose recording a file that is no clip seems to be, or the file's name if that one has a clip."""
    utterance = characters.visible(Path(name).stem).removeprefix("._").removeprefix(".")
    return name if utterance in clips else utterance


def _too_few(archive, good: int, limits: dict, rejected: pd.DataFrame) -> str:
    lines = [
        f"  {len(group)} {reason}, such as {group.id.iloc[0]!r}: {group.detail.iloc[0]}"
        for reason, group in sorted(rejected.groupby("reason"), key=lambda item: -len(item[1]))
    ]
    return "\n".join(
        [
            f"{archive}: {good} good clips, but subset.clips + subset.test_clips is "
            f"{limits['clips']} + {limits['test_clips']}. Left out:",
            *lines,
            "Ask for fewer clips, widen the limits under `subset` in the config, or add recordings.",
        ]
    )


def _write_wavs(found: Pass, tokenizer, settings: dict, folder: Path) -> pd.DataFrame:
    """Convert the chosen clips into wavs/; one row of measurements (CLIP_COLUMNS) for each, sorted by id."""
    (folder / "wavs").mkdir()
    sizes = settings["subset"]
    rows = []
    for place, (_, utterance, file) in enumerate(found.good):
        samples = audio.read(file, RATE)
        audio.write(folder / "wavs" / f"{utterance}.wav", samples, RATE)
        held_out = place - sizes["test_clips"]
        rows.append(
            {
                "id": utterance,
                "split": "test" if held_out < 0 else "eval" if held_out < sizes["eval_clips"] else "train",
                "seconds": round(len(samples) / RATE, 4),
                "level_dbfs": round(audio.level_dbfs(samples), 2),
                "peak_dbfs": round(audio.peak_dbfs(samples), 2),
                "snr_db": round(audio.snr_db(samples, RATE), 2),
                "text_tokens": len(texts.token_ids(tokenizer, found.transcripts[utterance], settings["language"])),
            }
        )
    return pd.DataFrame(rows, columns=CLIP_COLUMNS).sort_values("id", ignore_index=True)


def _write_tables(clips: pd.DataFrame, transcripts: dict[str, str], speaker: str, folder: Path) -> None:
    clips.to_csv(folder / "clips.csv", index=False, lineterminator="\n")
    mdata = pd.DataFrame(
        {
            "audio_file": "wavs/" + clips.id + ".wav",
            "text": clips.id.map(transcripts),
            "speaker_name": speaker,
        }
    )
    metadata.write_mdata(folder / "mdata.csv", mdata[clips.split != "test"])
    for split in ("train", "eval", "test"):
        metadata.write_mdata(folder / f"mdata_{split}.csv", mdata[clips.split == split])
