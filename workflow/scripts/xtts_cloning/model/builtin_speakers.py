"""The voices that come with XTTS-v2: speakers_xtts.pth, {name: {gpt_cond_latent, speaker_embedding}}.

That is what the library's later releases read there (TTS 0.22, TTS/tts/layers/xtts/xtts_manager.py).
"""

from pathlib import Path

from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints

FILE = "speakers_xtts.pth"  # in the model's folder
PARTS = ("gpt_cond_latent", "speaker_embedding")  # [1, 32, C] and [1, 512, 1]


def check(folder: str | Path, name: str) -> str:
    """The name again; UserError that lists the known ones if the model in `folder` has no such speaker. No torch."""
    _one_of(checkpoints.shapes(_file(folder)), name, folder)
    return name


def conditioning(model, folder: str | Path, name: str) -> tuple:
    """(GPT latents [1, 32, C], speaker embedding [1, 512, 1]) on the model's device, as latents.conditioning gives."""
    speaker = _one_of(checkpoints.load(_file(folder)), name, folder)
    found = tuple(speaker[part].float().to(model.mel_stats.device) for part in PARTS)
    expected = (1, 32, model.args.gpt_n_model_channels), (1, model.args.d_vector_dim, 1)
    if (shapes := tuple(tuple(part.shape) for part in found)) != expected:
        raise UserError(f"{_file(folder)}: {name} has the shapes {shapes}, the model wants {expected}")
    return found


def write(folder: str | Path, name: str, gpt_cond_latent, speaker_embedding) -> None:
    """Write the file with this one speaker; latents [1, 32, C] and embedding [1, 512, 1] on any device."""
    import torch

    # in this order: the library takes them apart by it
    speaker = dict(
        zip(PARTS, (part.detach().cpu().contiguous() for part in (gpt_cond_latent, speaker_embedding)), strict=True)
    )
    torch.save({name: speaker}, Path(folder) / FILE)


def _file(folder: str | Path) -> Path:
    path = Path(folder) / FILE
    if not path.is_file():
        raise UserError(
            f"{path} does not exist, so the model has no built-in speakers\nPut the file of {checkpoints.PINNED[0]} "
            "there, or set evaluation.other_speaker to a folder of recordings or to null."
        )
    return path


def _one_of(speakers: object, name: str, folder: str | Path) -> dict:
    """The speaker's entry in the file's content (tensors or their shapes)."""
    if not isinstance(speakers, dict) or not all(
        isinstance(s, dict) and set(PARTS) <= set(s) for s in speakers.values()
    ):
        raise UserError(f"{Path(folder) / FILE} holds no {' and '.join(PARTS)} by speaker; is it another file?")
    if name not in speakers:
        raise UserError(
            f"{Path(folder) / FILE} has no speaker {name!r}; it has {', '.join(sorted(speakers))}\n"
            "A file or folder of recordings is told from a name by its slash or its suffix: ./recordings"
        )
    return speakers[name]
