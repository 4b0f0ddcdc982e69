"""Say a text with the voice of a recording: one WAV for each text, named after what it says.

Nothing is ever overwritten: a second hello.wav becomes hello-2.wav. Long texts are spoken sentence by sentence.
"""

import argparse
import re
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

from xtts_cloning import audio, compute, config, errors, files
from xtts_cloning.errors import UserError
from xtts_cloning.model import latents, loading
from xtts_cloning.speech import speaking, utterances

PLAYERS = {"ffplay": ["-autoexit", "-nodisp", "-loglevel", "quiet"], "paplay": [], "aplay": ["-q"]}
LONGEST_NAME = 60  # characters


def main() -> None:
    arguments = parse_arguments()
    whole = config.load(arguments.config)
    settings = config.settings(whole, "synthesize")
    settings["language"] = arguments.language or settings["language"]
    settings["synthesis"]["precision"] = arguments.precision or settings["synthesis"]["precision"]
    folder = arguments.model or Path(config.model_folder(whole))
    wanted = [utterances.Text(f"text{n}", "line", text, f"--text {n}") for n, text in enumerate(arguments.text, 1)]
    wanted += utterances.lines(arguments.lines) if arguments.lines else []
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output: {arguments.output} can be no folder ({error.strerror}); name another") from None
    planned = utterances.plan(wanted, folder, settings["language"], settings["synthesis"]["split_sentences"])
    model = loading.load(folder, compute.prepare(settings["compute"]))
    conditioning = latents.conditioning(model, arguments.reference, settings["reference"])
    for spoken in speaking.speak(model, planned, conditioning, settings):
        path = write_new(arguments.output, spoken.utterance.text, spoken.samples)
        seconds, wall = len(spoken.samples) / speaking.RATE, spoken.wall_seconds
        print(f"{path}  {seconds:.1f} s, made in {wall:.1f} s")
        if sys.stdout.isatty():
            play(path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--config",
        default=str(config.DEFAULTS),
        help="config file, for the model and how it speaks [config/config.yaml]",
    )
    add("--model", type=Path, help="folder with model.pth, config.json and vocab.json [the config's model]")
    add("--reference", required=True, type=Path, help="recording of the voice, 3 to 30 s")
    texts = parser.add_mutually_exclusive_group(required=True)
    texts.add_argument("--text", nargs="+", default=[], help="texts to say")
    texts.add_argument("--lines", type=Path, help="text file with one utterance per line")
    add("--language", help="of the texts, en for example [the config's language]")
    add("--precision", choices=["fp32", "bf16", "fp16", "auto"], help="of the decoding [the config's]")
    add("--output", default=Path("results/by_hand"), type=Path, help="folder for the WAVs [results/by_hand]")
    return parser.parse_args()


def write_new(folder: Path, text: str, samples) -> Path:
    """Write 24 kHz mono PCM 16 bit under a name that is not taken yet, made of the text's words."""
    name = re.sub(r"\W+", "-", text.lower()).strip("-")[:LONGEST_NAME].rstrip("-") or "speech"
    path = free_name(folder, name)
    try:
        with files.atomic_path(path) as partial:
            audio.write(partial, samples, speaking.RATE)
    except BaseException:
        path.unlink()  # it held the name, and holds no speech
        raise
    return path


def free_name(folder: Path, name: str) -> Path:
    """An empty new file <name>.wav, <name>-2.wav, ...; two that look for one at once get two."""
    for number in count(1):
        path = folder / (f"{name}.wav" if number == 1 else f"{name}-{number}.wav")
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            continue


def play(path: Path) -> None:
    """Play the file where this machine has a player; what goes wrong then is no error of ours."""
    for player, options in PLAYERS.items():
        if shutil.which(player):
            subprocess.run([player, *options, str(path)], stderr=subprocess.DEVNULL, check=False)
            return


if __name__ == "__main__":
    errors.main(main)
