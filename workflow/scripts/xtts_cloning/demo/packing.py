"""The demo's trained weights in one small file, and the hub's model folder made of it again.

The file holds what was trained: the GPT without what random numbers or zeros give back, the narrow vocoder, and the
codebook. Matrices are stored in 8 bits with a scale per row, everything else in 16.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from xtts_cloning.demo import codebook, embedding, network, standin
from xtts_cloning.demo.narrow_vocoder import NarrowVocoder

SIZE = {
    "gpt_layers": network.LAYERS,
    "gpt_n_model_channels": network.WIDTH,
    "gpt_n_heads": network.HEADS,
    "decoder_input_dim": network.WIDTH,
}
SMALLEST_MATRIX = 4096  # values; below it 8 bits save nothing
SCALE = ".scale"  # after the name of a matrix in 8 bits
# Not trained: the encoder's attention blocks are identities, the masks of GPT-2 constants.
UNTRAINED = ("conditioning_encoder.attn.", "gpt_inference.", "gpt.wte.")


def pack(gpt: dict[str, Tensor], vocoder: NarrowVocoder, book: codebook.Codebook, path: Path, notes: dict) -> None:
    """Write the weights to a safetensors file with `notes` as its metadata."""
    tensors = {f"gpt.{name}": value for name, value in gpt.items() if _trained(name, value)}
    tensors |= {f"vocoder.{name}": value for name, value in vocoder.state_dict().items()}
    tensors |= {f"codebook.{name}": value for name, value in book._asdict().items()}
    packed: dict[str, Tensor] = {}
    for name, value in tensors.items():
        packed |= _rounded(name, value.float())
    save_file(packed, path, metadata={name: str(value) for name, value in notes.items()})


def _trained(name: str, value: Tensor) -> bool:
    return value.is_floating_point() and not name.startswith(UNTRAINED)


def _rounded(name: str, value: Tensor) -> dict[str, Tensor]:
    if value.ndim < 2 or value.numel() < SMALLEST_MATRIX or not name.startswith("gpt."):
        return {name: value.half().contiguous()}
    scale = value.abs().amax(1).clamp(min=1e-8) / 127
    return {name: (value / scale[:, None]).round().to(torch.int8), name + SCALE: scale.half()}


def read(path: Path) -> dict[str, Tensor]:
    """All tensors of a packed file in float32."""
    with safe_open(path, "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    return {
        name: value.float() * (stored[name + SCALE].float()[:, None] if name + SCALE in stored else 1)
        for name, value in stored.items()
        if not name.endswith(SCALE)
    }


def unpack(path: Path, vocab: Path, folder: Path, seed: int) -> None:
    """Write model.pth, config.json, vocab.json, dvae.pth and mel_stats.pth into `folder`.

    What was not trained is what the stand-in's seed gives: the speaker encoder, which nothing here listens to, and the
    conditioning encoder's attention blocks, whose output is multiplied by zero.
    """
    tensors = read(path)
    standin.write_standin(folder, seed, vocab, SIZE, DESCRIPTION)
    saved = torch.load(folder / "model.pth")
    model = Xtts(saved["config"])
    model.tokenizer = standin.VoiceBpeTokenizer(str(folder / "vocab.json"))
    model.init_models()
    model.load_state_dict(saved["model"])
    unknown = model.gpt.load_state_dict(_part(tensors, "gpt"), strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"{path} holds weights that the GPT does not have: {', '.join(unknown)}")
    vocoder = NarrowVocoder()
    vocoder.load_state_dict(_part(tensors, "vocoder"))
    embedding.embed(vocoder, model.hifigan_decoder.waveform_decoder)
    torch.save({"config": saved["config"], "model": model.state_dict()}, folder / "model.pth")
    dvae = standin.dvae()
    codebook.write_into(dvae, codebook.Codebook(**_part(tensors, "codebook")))
    torch.save(dvae.state_dict(), folder / "dvae.pth")


DESCRIPTION = "A small XTTS-v2 trained on synthetic voices, to make the chain audible."


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(name + "."): value for key, value in tensors.items() if key.startswith(name + ".")}
