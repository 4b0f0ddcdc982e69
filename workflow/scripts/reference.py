"""Choose the clip that the voice is cloned from, or take the utterance or audio file that the config names.

Writes it as 22,050 Hz mono PCM 16 bit WAV, and a JSON file that says what was compared and why this clip won.
"""

import argparse
import json
import sys
from pathlib import Path

from xtts_cloning import audio, config, errors, products
from xtts_cloning.data import reference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    for split in ("train", "eval", "test"):
        parser.add_argument(f"--{split}", required=True, type=Path, help=f"mdata_{split}.csv, with wavs/ beside it")
    parser.add_argument("--wav", required=True, type=Path, help="the WAV to write")
    parser.add_argument("--explanation", required=True, type=Path, help="the JSON to write")
    arguments = parser.parse_args()
    settings = config.read_settings(arguments.settings, "reference")
    clip = Path(settings["reference"]["clip"])
    products.check([arguments.wav, arguments.explanation], inputs={"reference.clip": clip if clip.is_file() else None})
    tables = {"train": arguments.train, "eval": arguments.eval, "test": arguments.test}
    samples, explanation = reference.choose(tables, settings)
    with products.file(arguments.wav) as wav, products.file(arguments.explanation) as explained:
        audio.write(wav, samples, reference.RATE)
        explained.write_text(json.dumps(explanation, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _report(explanation)


def _report(explanation: dict) -> None:
    name = explanation["utterance"] or explanation["file"]
    print(f"reference: {name}, {explanation['seconds']:.2f} s ({explanation['source']})", file=sys.stderr)
    if shortcomings := explanation["candidates"][0]["rejected_because"]:
        print(f"warning: no clip meets every criterion; {name} has {'; '.join(shortcomings)}", file=sys.stderr)


if __name__ == "__main__":
    errors.main(main)
