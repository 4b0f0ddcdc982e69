"""A speakers_xtts.pth in the hub's layout, with random voices for a stand-in model."""

from pathlib import Path

import torch
from xtts_cloning.demo import standin
from xtts_cloning.model import builtin_speakers


def write(folder: Path, *names: str, width: int = standin.SIZE["gpt_n_model_channels"]) -> Path:
    """Write the file into a model's folder; width is the model's number of channels."""
    random = torch.Generator().manual_seed(0)
    speakers = {
        name: {
            "gpt_cond_latent": torch.randn(1, 32, width, generator=random),
            "speaker_embedding": torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=random), dim=1),
        }
        for name in names
    }
    path = folder / builtin_speakers.FILE
    torch.save(speakers, path)
    return path
