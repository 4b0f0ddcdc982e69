"""What the model takes from the reference clip: the GPT's conditioning latents and the vocoder's speaker embedding.

The same numbers as `Xtts.get_conditioning_latents` (TTS/tts/models/xtts.py) gives for one reference file at the same
lengths.
"""

import hashlib
import weakref
from pathlib import Path

import torch
import torchaudio

from xtts_cloning import audio
from xtts_cloning.errors import UserError

RATE = 22050  # Hz, of what the conditioning encoder hears
SPEAKER_RATE = 16000  # Hz, of what the speaker encoder hears
SHORTEST_CHUNK = int(0.33 * RATE)  # samples; the library leaves out a last piece that is shorter
SHORTEST_REFERENCE = 1.0  # seconds; below it a voice cannot be told

_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model -> {(content, lengths): latents}


def conditioning(model, path: str | Path, reference: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """(GPT latents [1, 32, C], speaker embedding [1, 512, 1]) of an audio file, on the model's device.

    `reference` is settings["reference"]: gpt_cond_len, gpt_cond_chunk_len and max_ref_len in seconds, sound_norm_refs.
    Computed once per model, content of the file and lengths. UserError for a reference that is too short or silent.
    """
    lengths = {key: reference[key] for key in ("gpt_cond_len", "gpt_cond_chunk_len", "max_ref_len", "sound_norm_refs")}
    samples = _samples(path, reference)
    known = _known.setdefault(model, {})
    key = (hashlib.sha256(samples.numpy().tobytes()).digest(), *lengths.values())
    if key not in known:
        known[key] = _conditioning(model, samples, reference)
    return known[key]


def _samples(path: str | Path, reference: dict) -> torch.Tensor:
    """[1, samples] at 22,050 Hz, at most max_ref_len seconds."""
    samples = torch.from_numpy(audio.read(path, RATE)).clamp(-1, 1)[None]
    seconds = samples.shape[1] / RATE
    if seconds < SHORTEST_REFERENCE:
        raise UserError(f"{path}: a reference of {seconds:.2f} s is too short to clone; give 3 to 30 s of clean speech")
    samples = samples[:, : RATE * reference["max_ref_len"]]
    if (level := audio.level_dbfs(samples.numpy())) < audio.SILENT_DBFS:
        raise UserError(
            f"{path}: the reference is silent ({level:.1f} dBFS, once its channels are mixed down); give 3 to 30 s of "
            "clean speech"
        )
    return samples / samples.abs().max() * 0.75 if reference["sound_norm_refs"] else samples


@torch.inference_mode()
def _conditioning(model, samples: torch.Tensor, reference: dict) -> tuple[torch.Tensor, torch.Tensor]:
    device = model.mel_stats.device
    at_speaker_rate = torchaudio.functional.resample(samples.to(device), RATE, SPEAKER_RATE)
    speaker_embedding = model.hifigan_decoder.speaker_encoder(at_speaker_rate, l2_norm=True).unsqueeze(-1)

    heard = samples[:, : RATE * reference["gpt_cond_len"]]
    chunks = [
        chunk for chunk in heard.split(RATE * reference["gpt_cond_chunk_len"], 1) if chunk.shape[1] >= SHORTEST_CHUNK
    ]
    styles = [model.gpt.get_style_emb(_mel(chunk, model.mel_stats.cpu()).to(device)) for chunk in chunks]
    return torch.stack(styles).mean(0).transpose(1, 2), speaker_embedding


def _mel(samples: torch.Tensor, mel_stats: torch.Tensor) -> torch.Tensor:
    """[1, 80, frames] log-mel spectrogram with the parameters of the library's get_gpt_cond_latents."""
    power = torchaudio.transforms.MelSpectrogram(
        RATE, n_fft=2048, win_length=1024, hop_length=256, f_min=0, f_max=8000, n_mels=80, power=2, norm="slaney"
    )(samples)
    return power.clamp(min=1e-5).log() / mel_stats[None, :, None]
