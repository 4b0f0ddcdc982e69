"""What a config will take, without torch: bytes on disk and on the GPU, hours on a CPU; estimates on the safe side."""

import math
from pathlib import Path
from typing import NamedTuple

from xtts_cloning import config
from xtts_cloning.model import checkpoints, downloads
from xtts_cloning.model import config as model_config

ARCHIVE_BYTES = 2_748_572_632  # LJSpeech-1.1
CLIP_BYTES = round(6.57 * 22050 * 2)  # an LJSpeech clip of mean length
SPOKEN_BYTES = 10 * 24000 * 2  # an utterance of 10 s
GPT_PARAMETERS = 441_000_000  # of XTTS-v2, where model.pth is not here to be counted
GPT_ARGS = {"gpt_layers": 30, "gpt_n_model_channels": 1024, "gpt_n_heads": 16}
TOKENS = 280  # of a clip while training: 32 of the prompt, 100 of text, 22 a second of audio
CPU_FLOP_PER_SECOND = 20e9  # of one core, in fp32


class Need(NamedTuple):
    """Bytes that will be written at or under `path`."""

    path: Path
    size: int
    what: str


class Gpt(NamedTuple):
    """The size of the model's GPT, and of its whole model.pth in bytes."""

    parameters: int
    args: dict
    file_bytes: int


def still_to_write(settings: dict) -> list[Need]:
    """What the config makes the workflow write, less what is there."""
    subset, results = settings["subset"], Path("results", settings["run"])
    archive, data = Path(config.archive_path(settings)), Path("data", settings["speaker"])
    gpt = _gpt(settings)
    utterances = subset["test_clips"] + len(settings["synthesis"]["phrases"]) + 20
    needs = []
    if config.is_url(settings["dataset"]["archive"]) and not archive.exists():
        held = _held(archive.parent / downloads.STORE, f"{settings['dataset']['sha256']}*")
        needs.append(Need(archive.parent, ARCHIVE_BYTES - held, "archive"))
    if config.is_hub_repository(settings["model"]["source"]):
        needs.append(_hub_model(settings))
    if not (data / "mdata.csv").exists():
        needs.append(Need(data, (subset["clips"] + subset["test_clips"]) * CLIP_BYTES, "clips"))
    if gpt and not (results / "finetune" / "model.pth").exists():
        # weights and two moments, twice while one save replaces the last; the best weights; the exported model
        training = (2 * 12 + 4) * gpt.parameters + gpt.file_bytes
        needs.append(Need(results, training - _held(results / "finetune", "**/*"), "fine-tuning"))
    if not (results / "speech").exists():
        needs.append(Need(results, 3 * utterances * SPOKEN_BYTES, "speech"))  # of both systems and the other speaker
    return [need for need in needs if need.size > 0]


def gpu_memory(settings: dict) -> tuple[int, int] | None:
    """Bytes that fine-tuning holds for certain (fp32 weights, gradients, two moments), and with a batch's activations.

    None while the model is not there to be measured. Activations of a transformer by Korthikanti et al. 2022
    (arXiv:2205.05198, equation 2, and what they give for full recomputation), in 16 bit, for the longest clips; fp32
    doubles them.
    """
    finetune, gpt = settings["finetune"], _gpt(settings)
    if gpt is None:
        return None
    state = 16 * gpt.parameters
    tokens, width = 1.5 * TOKENS, gpt.args["gpt_n_model_channels"]
    rows, layers = tokens * finetune["batch_size"], gpt.args["gpt_layers"]
    per_layer = rows * (34 * width + 5 * gpt.args["gpt_n_heads"] * tokens)
    kept = per_layer + layers * 2 * rows * width if finetune["gradient_checkpointing"] else layers * per_layer
    activations = kept * (2 if finetune["precision"] == "fp32" else 1)
    return state, round(state + activations + 1e9)  # CUDA itself and the DVAE take about 1 GB


def cpu_time(settings: dict) -> str | None:
    """How long fine-tuning takes on the config's CPU threads: 6 FLOP a parameter and token (Kaplan et al. 2020).

    None while the model is not there to be measured.
    """
    finetune, gpt = settings["finetune"], _gpt(settings)
    if gpt is None:
        return None
    clips = finetune["max_steps"] * finetune["batch_size"] * finetune["grad_accum"]
    hours = 6 * gpt.parameters * TOKENS * clips / (CPU_FLOP_PER_SECOND * settings["compute"]["threads"]) / 3600
    if hours > 48:
        return f"{round(hours / 24)} days"
    return f"{round(hours)} hours" if hours > 2 else f"{max(1, math.ceil(hours * 60))} minutes"


def _gpt(settings: dict) -> Gpt | None:
    """Counted in the model's files where they are here; XTTS-v2's for a hub model, None for one yet to be made."""
    folder = Path(config.model_folder(settings))
    weights = folder / "model.pth"
    if not (weights.is_file() and (folder / "config.json").is_file()):
        hub = config.is_hub_repository(settings["model"]["source"])
        return Gpt(GPT_PARAMETERS, GPT_ARGS, checkpoints.PINS["model.pth"][0]) if hub else None
    shapes = checkpoints.weights_in(checkpoints.shapes(weights), weights)
    parameters = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith("gpt."))
    return Gpt(parameters, model_config.read(folder)["model_args"], weights.stat().st_size)


def _hub_model(settings: dict) -> Need:
    folder = Path(config.model_folder(settings))
    absent = [size for name, (size, _) in checkpoints.PINS.items() if not (folder / name).exists()]
    store = folder.parent / downloads.STORE
    held = _held(store, f"{settings['model']['source'].replace('/', '--')}-*/**/*") if absent else 0
    return Need(folder, sum(absent) - held, "model")


def _held(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())
