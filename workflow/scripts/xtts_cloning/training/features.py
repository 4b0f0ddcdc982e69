"""What the frozen parts of XTTS-v2 make of recordings: audio codes and conditioning mels.

Settings of TTS/tts/layers/xtts/trainer/gpt_trainer.py (TTS 0.21.3).
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from xtts_cloning.model import checkpoints
from xtts_cloning.model.library import DiscreteVAE, TorchMelSpectrogram

RATE = 22_050  # Hz
SAMPLES_PER_CODE = 1024
# More silence than a code can hear: 27 mel frames through the DVAE's encoder and half a window of the mel.
SILENCE = 8 * SAMPLES_PER_CODE


def load_dvae(path: Path, num_tokens: int) -> DiscreteVAE:
    """The frozen DVAE, of which only the encoder and the codebook are read; UserError where these do not fit."""
    dvae = DiscreteVAE(
        channels=80,
        normalization=None,
        positional_dims=1,
        num_tokens=num_tokens,
        codebook_dim=512,
        hidden_dim=512,
        num_resnet_blocks=3,
        kernel_size=3,
        num_layers=2,
        use_transposed_convs=False,
    )
    dvae.load_state_dict(checkpoints.dvae_weights(checkpoints.load(path), path, num_tokens), strict=False)
    return dvae.eval().requires_grad_(False)


def code_mel(mel_stats: Tensor) -> TorchMelSpectrogram:
    """The mel spectrogram that the DVAE hears: [b, samples] -> [b, 80, frames]."""
    return _with_stats(TorchMelSpectrogram(mel_norm_file=None, sampling_rate=RATE), mel_stats)


def prompt_mel(mel_stats: Tensor) -> TorchMelSpectrogram:
    """The mel spectrogram that conditions the GPT: [b, samples] -> [b, 80, frames]."""
    mel = TorchMelSpectrogram(
        filter_length=2048,
        hop_length=256,
        win_length=1024,
        normalize=False,
        sampling_rate=RATE,
        mel_fmin=0,
        mel_fmax=8000,
        n_mel_channels=80,
        mel_norm_file=None,
    )
    return _with_stats(mel, mel_stats)


def _with_stats(mel: TorchMelSpectrogram, mel_stats: Tensor) -> TorchMelSpectrogram:
    mel.mel_norms = mel_stats  # set here, because the class would unpickle a file
    return mel


@torch.no_grad()
def audio_codes(wav: Tensor, dvae: DiscreteVAE, mel: TorchMelSpectrogram) -> Tensor:
    """Audio codes of one clip [samples]: long [ceil(samples / 1024)].

    The library encodes a batch of zero-padded clips, so that a clip's last codes depend on the longest clip beside it.
    Here each clip is followed by as much silence as its codes can hear: the codes that it has in every batch with a
    clip longer by 0.4 s or more.
    """
    count = -(-len(wav) // SAMPLES_PER_CODE)
    padded = F.pad(wav, (0, SILENCE)).to(mel.mel_norms.device)
    return dvae.get_codebook_indices(mel(padded[None]))[0, :count].cpu()
