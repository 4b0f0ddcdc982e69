"""Speak texts in the voice of a reference recording, or of a speaker that comes with the model.

In the workflow: the config's phrases, a file's lines and the held-out transcripts, with the zero-shot or the fine-tuned
model. By hand, with any voice:

    python workflow/scripts/synthesize.py --model data/models/XTTS-v2 --reference my.mp3 --text "Hello there."
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from xtts_cloning import compute, config, errors, files, machine, products
from xtts_cloning.errors import UserError
from xtts_cloning.model import attention, builtin_speakers, latents, loading
from xtts_cloning.speech import decoding, speaking, utterances, vocoder


def main() -> None:
    arguments = parse_arguments()
    inputs = {f"--{name}": getattr(arguments, name) for name in ("model", "reference", "lines", "test")}
    products.check(folders=[arguments.output], inputs=inputs)
    settings = config.read_settings(arguments.settings, "synthesize")
    if arguments.language:
        settings["language"] = arguments.language
    wanted = wanted_texts(arguments, settings["synthesis"])
    with files.exclusive(arguments.output.parent / f".{arguments.output.name}"):
        synthesize(settings, arguments.model, chosen_voice(arguments, settings), wanted, arguments.output)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--settings",
        default=str(config.DEFAULTS),
        help="the step's settings as JSON, or a config file [config/config.yaml]",
    )
    add("--model", required=True, type=Path, help="folder with model.pth, config.json and vocab.json")
    voices = parser.add_mutually_exclusive_group(required=True)
    voices.add_argument("--reference", type=Path, help="recording of the voice, in any audio format, 3 to 30 s")
    voices.add_argument("--speaker", help=f"name of a speaker in the model folder's {builtin_speakers.FILE}")
    add("--text", nargs="+", default=[], help="texts to speak")
    add("--lines", type=Path, help="text file with one utterance per line")
    add("--phrases", action="store_true", help="also the phrases of the settings")
    add("--test", type=Path, help="mdata.csv whose transcripts are spoken too")
    add("--language", help="of the texts, en for example [the settings' language]")
    add(
        "--output",
        default=Path("results/by_hand"),
        type=Path,
        help="folder to write, replaced as a whole [results/by_hand]",
    )
    arguments = parser.parse_args()
    if not (arguments.text or arguments.lines or arguments.phrases or arguments.test):
        parser.error("nothing to speak: give --text or --lines")
    return arguments


def wanted_texts(arguments: argparse.Namespace, synthesis: dict) -> list[utterances.Text]:
    wanted = utterances.phrases(synthesis) if arguments.phrases else []
    wanted += [utterances.Text(f"text{n:02d}", "line", text, f"--text {n}") for n, text in enumerate(arguments.text, 1)]
    wanted += utterances.lines(arguments.lines) if arguments.lines else []
    return wanted + (utterances.transcripts(arguments.test) if arguments.test else [])


def chosen_voice(arguments: argparse.Namespace, settings: dict) -> Callable:
    """From the loaded model to what it is conditioned on: the reference's latents, or a built-in speaker's."""
    if arguments.speaker:
        builtin_speakers.check(arguments.model, arguments.speaker)  # before the model is loaded
        return partial(builtin_speakers.conditioning, folder=arguments.model, name=arguments.speaker)
    return partial(latents.conditioning, path=arguments.reference, reference=settings["reference"])


def synthesize(
    settings: dict, model_folder: Path, voice: Callable, wanted: list[utterances.Text], output: Path
) -> None:
    """Load the model, speak every text, and write the output folder as a whole."""
    synthesis = settings["synthesis"]
    planned = utterances.plan(wanted, model_folder, settings["language"], synthesis["split_sentences"])
    device = compute.prepare(settings["compute"])
    try:
        model = loading.load(model_folder, device)
        start = time.perf_counter()
        conditioning = voice(model)
        spoken = speaking.speak(model, planned, conditioning, settings)
        wall_seconds = time.perf_counter() - start
        alone = speaking.time_alone(model, planned, conditioning, settings)
    except torch.cuda.OutOfMemoryError as error:
        raise UserError(
            f"the GPU's memory is full with synthesis.batch_size {synthesis['batch_size']}; lower that key, or set "
            f"compute.device to cpu\n{error}"
        ) from None
    with products.folder(output) as folder:
        speaking.write(spoken, folder, wall_seconds, alone)
        (folder / "engine.json").write_text(
            json.dumps(engine(model, device, synthesis), indent=2) + "\n", encoding="utf-8"
        )
    print(f"{len(spoken)} utterances in {output}", file=sys.stderr)


def engine(model: loading.Model, device: torch.device, synthesis: dict) -> dict:
    """What spoke: the processor, the numbers' precision, the kernels that were chosen there, and the versions."""
    of_vocoder = speaking.vocoder_precision(synthesis, device)
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "driver": machine.driver() if device.type == "cuda" else None,
        "precision": str(decoding.precision(synthesis["precision"], device)).removeprefix("torch."),
        "vocoder_precision": str(of_vocoder).removeprefix("torch."),
        "vocoder_layout": str(vocoder.layout(model.hifigan_decoder, of_vocoder)).removeprefix("torch."),
        "attention": attention.record(device),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        **{name: version(name) for name in ("torch", "torchaudio", "TTS", "transformers")},
    }


if __name__ == "__main__":
    errors.main(main)
