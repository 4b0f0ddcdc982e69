"""A small random-weight XTTS-v2 that stands in for the model: the library's own classes, the hub's file layout.

It makes noise, not speech. Only the GPT shrinks (layers, width, heads); the HiFi-GAN and the DVAE keep the size that
the library fixes for them.
"""

import json
import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.layers.xtts.dvae import DiscreteVAE
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.models.xtts import Xtts, XttsArgs, XttsAudioConfig

SIZE = {"gpt_layers": 2, "gpt_n_model_channels": 64, "gpt_n_heads": 2, "decoder_input_dim": 64}
DESCRIPTION = "Random-weight stand-in for XTTS-v2: it proves the chain and makes noise, not speech."
CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
SPECIAL_TOKENS = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[START]"]


def write_standin(
    folder: Path, seed: int, vocab: Path | None = None, size: dict | None = None, description: str = DESCRIPTION
) -> None:
    """Write model.pth, config.json, vocab.json, dvae.pth and mel_stats.pth into `folder`.

    `vocab` is a tokenizer file to use instead of the stand-in's own; `size` overrides SIZE (a full-size model, say).
    """
    torch.manual_seed(seed)
    vocab_text = vocab.read_text(encoding="utf-8") if vocab else tokenizer().to_str(pretty=True)
    (folder / "vocab.json").write_text(vocab_text, encoding="utf-8")

    config = XttsConfig(
        run_name="stand-in",
        run_description=description,
        model_args=XttsArgs(
            **{**SIZE, **(size or {})},
            num_chars=255,
            gpt_num_audio_tokens=1026,
            gpt_start_audio_token=1024,
            gpt_stop_audio_token=1025,
            gpt_use_masking_gt_prompt_approach=True,
            gpt_use_perceiver_resampler=True,
        ),
        audio=XttsAudioConfig(sample_rate=22050, output_sample_rate=24000),
    )
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(str(folder / "vocab.json"))
    model.init_models()
    # log-mel of speech at these settings lies around -5; the library divides by these statistics
    model.mel_stats = torch.full((80,), -5.0)
    torch.save(model.mel_stats.clone(), folder / "mel_stats.pth")
    # the hub's file pickles its config objects beside the weights, and so does this one
    torch.save({"config": config, "model": model.state_dict()}, folder / "model.pth")
    torch.save(dvae().state_dict(), folder / "dvae.pth")
    (folder / "config.json").write_text(json.dumps(config.to_dict(), indent=4) + "\n", encoding="utf-8")


def tokenizer() -> Tokenizer:
    """One token a character, and one a byte for every other character, so that no text is unknown."""
    tokens = [*SPECIAL_TOKENS, *CHARACTERS, *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[], unk_token="[UNK]", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.ByteFallback()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def dvae() -> DiscreteVAE:
    """The DVAE with the sizes that TTS/tts/layers/xtts/trainer/gpt_trainer.py gives it."""
    dvae = DiscreteVAE(
        channels=80,
        normalization=None,
        positional_dims=1,
        num_tokens=1024,
        codebook_dim=512,
        hidden_dim=512,
        num_resnet_blocks=3,
        kernel_size=3,
        num_layers=2,
        use_transposed_convs=False,
    )
    # A random codebook would give all speech one code. This one holds what the random encoder makes of noise whose
    # loudness changes like that of speech, and speech has a hundred different codes.
    loudness = 1 + 0.5 * torch.randn(1, 1, 4096)
    with torch.no_grad():
        dvae.codebook.embed.copy_(dvae.encoder(loudness + 0.3 * torch.randn(1, 80, 4096))[0])
    return dvae
