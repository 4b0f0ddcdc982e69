"""Write the voice to take away: the four files that other programs want of XTTS-v2, the reference clip, and a card.

model.pth, config.json and vocab.json are the fine-tuned model's. speakers_xtts.pth holds the voice under the config's
`speaker`, as the library's SpeakerManager reads it, so a program that takes a speaker's name needs no recording.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import torch
from xtts_cloning import compute, config, errors, files, products
from xtts_cloning.model import builtin_speakers, latents, loading
from xtts_cloning.report import voice_card

MODEL_FILES = ("model.pth", "config.json", "vocab.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--model", required=True, type=Path, help=f"folder with {', '.join(MODEL_FILES)}")
    parser.add_argument("--reference", required=True, type=Path, help="the reference clip")
    parser.add_argument("--clips", required=True, type=Path, help="clips.csv of the speaker")
    parser.add_argument("--summary", required=True, type=Path, help="summary.json of the run")
    parser.add_argument("--output", required=True, type=Path, help="folder to write, replaced as a whole")
    arguments = parser.parse_args()
    inputs = {f"--{name}": getattr(arguments, name) for name in ("model", "reference", "clips", "summary")}
    products.check(folders=[arguments.output], inputs=inputs)
    settings = config.read_settings(arguments.settings, "export")
    device = compute.prepare({**settings["compute"], "device": "cpu"})  # one short clip: a GPU brings nothing
    with torch.inference_mode():
        voice = latents.conditioning(loading.load(arguments.model, device), arguments.reference, settings["reference"])
    with products.folder(arguments.output) as folder:
        for name in MODEL_FILES:
            shutil.copyfile(arguments.model / name, folder / name)
        builtin_speakers.write(folder, settings["speaker"], *voice)
        shutil.copyfile(arguments.reference, folder / "reference.wav")
        hashes = {path.name: files.sha256(path) for path in sorted(folder.iterdir())}
        summary = json.loads(arguments.summary.read_text(encoding="utf-8"))
        text = voice_card.write(settings, pd.read_csv(arguments.clips), summary, hashes)
        (folder / "README.md").write_text(text, encoding="utf-8")
    print(f"{settings['speaker']} in {arguments.output}", file=sys.stderr)


if __name__ == "__main__":
    errors.main(main)
