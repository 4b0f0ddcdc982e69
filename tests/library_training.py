"""The library's own trainer of XTTS-v2 on a model folder and on our clips, for comparison."""

import json
from pathlib import Path

import torch
from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig, XttsAudioConfig
from xtts_cloning.training.batches import LONGEST_PROMPT, RATE, Clip


def make_trainer(folder: Path, lr: float, weight_decay: float) -> GPTTrainer:
    """GPTTrainer as TTS's XTTS-v2 recipe sets it up; importing it has set torch's threads to one."""
    model_args = json.loads((folder / "config.json").read_text())["model_args"]
    known = {key: value for key, value in model_args.items() if key.startswith(("gpt_", "decoder_input_dim"))}
    args = GPTArgs(
        **{**known, "gpt_checkpoint": ""},
        tokenizer_file=str(folder / "vocab.json"),
        mel_norm_file=str(folder / "mel_stats.pth"),
        dvae_checkpoint=str(folder / "dvae.pth"),
        xtts_checkpoint=str(folder / "model.pth"),
    )
    config = GPTTrainerConfig(
        model_args=args,
        audio=XttsAudioConfig(sample_rate=RATE, dvae_sample_rate=RATE, output_sample_rate=24000),
        optimizer="AdamW",
        lr=lr,
        optimizer_wd_only_on_weights=True,
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": weight_decay},
    )
    trainer = GPTTrainer(config)
    trainer.eval()
    return trainer


def loaded_batch(clips: list[Clip], prompts: list[tuple[int, int]]) -> dict:
    """What XTTSDataset.collate_fn makes of the clips."""
    pad = torch.nn.utils.rnn.pad_sequence
    conditioning = torch.zeros(len(clips), 1, 1, LONGEST_PROMPT)
    for row, clip, (start, end) in zip(conditioning, clips, prompts, strict=True):
        row[0, 0, : end - start] = clip.wav[start:end]
    return {
        "padded_text": pad([clip.text for clip in clips], batch_first=True).int(),
        "text_lengths": torch.tensor([len(clip.text) for clip in clips]),
        "wav": pad([clip.wav for clip in clips], batch_first=True)[:, None],
        "wav_lengths": torch.tensor([len(clip.wav) for clip in clips]),
        "conditioning": conditioning,
        "cond_lens": None,
        "cond_idxs": torch.tensor(prompts),
    }
