"""Make a data set of recordings without transcripts: interviews, audiobook chapters, voice memos, of any length.

Writes a folder in LJSpeech layout, for dataset.archive: wavs/ and metadata.csv with clips of whole sentences, cut in
pauses only; clips.csv, where in which recording each clip lies; left_out.csv, every stretch of speech that is in no
clip, and why. A text beside a recording (talk.txt, .srt, .vtt) is its script and wins over what the recogniser heard.
Killed or run again, it hears nothing twice; of further recordings only those are heard.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm
from xtts_cloning import audio, config, errors, files, products
from xtts_cloning.curation import clips, decoding, recordings
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.whisper import Whisper

CLIP_COLUMNS = ["id", "recording", "start_seconds", "end_seconds", "text"]
LEFT_COLUMNS = ["recording", "start_seconds", "end_seconds", "reason", "detail"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--recordings", required=True, type=Path, help="folder with files of sound or film, at any depth")
    add("--asr", required=True, type=Path, help="folder of a Whisper model that was converted for CTranslate2")
    add("--language", default="en", help="what is spoken, one of XTTS-v2's languages [en]")
    add("--device", choices=["cpu", "cuda"], default="cpu", help="where the recogniser runs [cpu]")
    add("--threads", type=int, default=config.load(config.DEFAULTS)["compute"]["threads"], help="of the recogniser")
    add("--output", required=True, type=Path, help="folder to write, replaced as a whole")
    arguments = parser.parse_args()
    products.check(folders=[arguments.output], inputs={"--recordings": arguments.recordings, "--asr": arguments.asr})
    found = recordings.find(arguments.recordings)
    whisper = Whisper(arguments.asr, arguments.language, arguments.device, arguments.threads)
    recogniser = f"{arguments.language}-{files.sha256(arguments.asr / 'model.bin')[:12]}"
    heard = arguments.output.with_name(f".{arguments.output.name}.heard") / recogniser
    heard.mkdir(parents=True, exist_ok=True)
    with products.folder(arguments.output) as folder:
        (folder / "wavs").mkdir()
        taken, left = [], []
        for number, recording in enumerate(found, 1):
            with tqdm(unit="s", unit_scale=True, desc=f"{number}/{len(found)} {recording.path.name}") as bar:
                try:
                    made, unused = clips.of_recording(recording, arguments.language, whisper, heard, bar.update)
                except UserError as error:  # the others go on
                    left.append([recording.path, None, None, "unusable", str(error)])
                    continue
            for clip in made:
                audio.write(folder / "wavs" / f"{clip.id}.wav", clip.samples, decoding.RATE)
                taken.append([clip.id, recording.path, f"{clip.start:.3f}", f"{clip.end:.3f}", clip.text])
            left += [
                [recording.path, f"{part.start:.3f}", f"{part.end:.3f}", part.reason, part.detail] for part in unused
            ]
        write_tables(folder, taken, left)
    print(summary(taken, left, arguments.output), file=sys.stderr)


def write_tables(folder: Path, taken: list[list], left: list[list]) -> None:
    """metadata.csv, clips.csv and left_out.csv; UserError with the reasons if there is no clip."""
    if not taken:
        reasons = "\n".join(f"  {row[0]}: {row[4]}" for row in left[:5])
        raise UserError(f"no clip could be made of these recordings:\n{reasons or '  no speech was found'}")
    rows = "".join(f"{clip}|{text}|{text}\n" for clip, *_, text in taken)
    (folder / "metadata.csv").write_text(rows, encoding="utf-8")
    pd.DataFrame(taken, columns=CLIP_COLUMNS).to_csv(folder / "clips.csv", index=False, lineterminator="\n")
    pd.DataFrame(left, columns=LEFT_COLUMNS).to_csv(folder / "left_out.csv", index=False, lineterminator="\n")


def summary(taken: list[list], left: list[list], output: Path) -> str:
    minutes = sum(float(end) - float(start) for _, _, start, end, _ in taken) / 60
    lost = sum(float(end) - float(start) for _, start, end, _, _ in left if start) / 60
    unusable = sum(row[3] == "unusable" for row in left)
    return (
        f"{len(taken)} clips, {minutes:.1f} minutes, in {output}; {lost:.1f} minutes of speech are in no clip"
        + (f", {unusable} recordings could not be used" if unusable else "")
        + f": {output / 'left_out.csv'} says why"
    )


if __name__ == "__main__":
    errors.main(main)
