"""The demo's GPT: the library's class in a small size, and what it is taught beside the next code.

Teaching it three more things makes it learn to read in an hour of two cores. Attention: in some layers one head must
look at the word that is being said, which flite's own timing tells. Sounds: the middle layers must know which phone is
next. Mel: a linear map from each latent must give the mel of its slot, so that the latent tells the vocoder the voice.
The two linear maps and the targets are needed for training alone.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xtts_cloning.demo.codebook import SLOT
from xtts_cloning.model.library import GPT, VoiceBpeTokenizer
from xtts_cloning.synthetic.corpus import LAST_IN_WORD, PHONES

LAYERS, WIDTH, HEADS = 5, 192, 3
LOOKING_LAYERS = (1, 2, 3)  # their head 0 looks at the word
SOUNDING_LAYER = 2  # after it the next phones must be known
PROMPT_ROWS = 32
START_AUDIO, STOP_AUDIO = 1024, 1025
IGNORED = -1
WEIGHTS = {"text": 0.01, "audio": 1.0, "attention": 0.3, "sounds": 0.15, "mel": 1.0}


class Batch(NamedTuple):
    """`b` utterances, `t` text positions and `a` audio positions; audio position j predicts code j."""

    prompts: Tensor  # float [p, 80, frames]
    prompt_of: Tensor  # long [b], the prompt that each utterance hears
    text: Tensor  # long [b, t], with start and stop
    text_targets: Tensor  # long [b, t], IGNORED where padded
    text_mask: Tensor  # bool [b, t]
    audio: Tensor  # long [b, a], with start
    audio_targets: Tensor  # long [b, a]
    audio_mask: Tensor  # bool [b, a]
    words: Tensor  # long [b, a], text position of the word said in the slot of the predicted code, or IGNORED
    sounds: Tensor  # long [b, a, 3], phone of that slot and of the next, place in the word; or IGNORED
    mel: Tensor  # float [b, a, 320], of the slot that the latent is spoken in


class Teacher(nn.Module):
    """The linear maps that are needed for training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = nn.Linear(WIDTH, SLOT)
        self.sounds = nn.ModuleList(nn.Linear(WIDTH, size) for size in (len(PHONES), len(PHONES), LAST_IN_WORD + 1))


def build(tokenizer: VoiceBpeTokenizer, seed: int) -> tuple[GPT, Teacher]:
    """Random weights, smaller where the library's would drown the first signals; dropout costs a layer's time."""
    torch.manual_seed(seed)
    gpt = GPT(
        layers=LAYERS,
        model_dim=WIDTH,
        heads=HEADS,
        max_text_tokens=402,
        max_mel_tokens=605,
        max_prompt_tokens=70,
        number_text_tokens=tokenizer.get_number_tokens(),
        start_text_token=tokenizer.tokenizer.token_to_id("[START]"),
        stop_text_token=tokenizer.tokenizer.token_to_id("[STOP]"),
        num_audio_tokens=1026,
        start_audio_token=START_AUDIO,
        stop_audio_token=STOP_AUDIO,
        use_perceiver_resampler=True,
    )
    with torch.no_grad():
        for embedding in (gpt.text_embedding, gpt.mel_embedding):
            embedding.weight.normal_(0, 0.05)
        for positions in (gpt.text_pos_embedding.emb.weight, gpt.mel_pos_embedding.emb.weight):
            count, width = positions.shape
            rates = torch.exp(-math.log(5000) * torch.arange(width // 2) / (width // 2))
            angles = torch.arange(count)[:, None] * rates
            positions.copy_(0.04 * torch.cat([angles.sin(), angles.cos()], 1))
        for name, weight in gpt.gpt.named_parameters():
            if name.endswith("c_proj.weight"):
                weight.mul_(1 / math.sqrt(2 * LAYERS))
    for module in gpt.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    # the attention blocks of the conditioning encoder begin as identities, and stay so
    gpt.conditioning_encoder.attn.requires_grad_(False)
    return gpt, Teacher()


def style(gpt: GPT, prompts: Tensor) -> Tensor:
    """GPT.get_style_emb [b, 32, WIDTH] where the encoder's attention blocks are identities that normalise."""
    encoder = gpt.conditioning_encoder
    return gpt.conditioning_perceiver(encoder.attn[0].norm(encoder.init(prompts)).transpose(1, 2))


class Hidden(NamedTuple):
    latents: Tensor  # [b, a, WIDTH], what the vocoder hears
    text: Tensor  # [b, t, WIDTH]
    middle: Tensor  # [b, a, WIDTH], after SOUNDING_LAYER
    looks: list[Tensor]  # per looking layer [b, a, t], attention from audio to text


def hidden(gpt: GPT, batch: Batch) -> Hidden:
    """The library's forward pass with fused attention; the looking heads' attention is written out as well."""
    text = gpt.text_embedding(batch.text) + gpt.text_pos_embedding(batch.text)
    audio = gpt.mel_embedding(batch.audio) + gpt.mel_pos_embedding(batch.audio)
    x = torch.cat([style(gpt, batch.prompts)[batch.prompt_of], text, audio], 1)
    (rows, length, _), texts = x.shape, text.shape[1]
    first = PROMPT_ROWS + texts  # of the audio
    there = torch.cat([batch.text_mask.new_ones(rows, PROMPT_ROWS), batch.text_mask, batch.audio_mask], 1)
    visible = torch.ones(length, length, dtype=torch.bool).tril()[None] & there[:, None]
    hiding = torch.zeros(visible.shape).masked_fill(~(visible | torch.eye(length, dtype=torch.bool)), -1e4)[:, None]
    cast = hiding.to(torch.bfloat16) if torch.is_autocast_cpu_enabled() else hiding
    looks, middle = [], x
    for number, block in enumerate(gpt.gpt.h):
        query, key, value = (
            part.view(rows, length, HEADS, -1).transpose(1, 2)
            for part in block.attn.c_attn(block.ln_1(x)).split(WIDTH, 2)
        )
        if number in LOOKING_LAYERS:
            scores = (query[:, 0, first:] @ key[:, 0].transpose(1, 2)).float() / math.sqrt(WIDTH / HEADS)
            looks.append((scores + hiding[:, 0, first:]).softmax(-1)[:, :, PROMPT_ROWS:first])
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=cast)
        x = x + block.attn.c_proj(attended.transpose(1, 2).reshape(rows, length, WIDTH))
        inner = F.gelu(block.mlp.c_fc(block.ln_2(x)), approximate="tanh")
        x = x + block.mlp.c_proj(inner)
        if number == SOUNDING_LAYER:
            middle = x[:, first:]
    x = gpt.final_norm(gpt.gpt.ln_f(x))
    return Hidden(x[:, first:], x[:, PROMPT_ROWS:first], middle, looks)


def losses(gpt: GPT, teacher: Teacher, batch: Batch) -> dict[str, Tensor]:
    """Each of WEIGHTS, unweighted: nats, or the mean absolute error of the mel (in units of its statistic, 5 nats)."""
    with torch.autocast("cpu", torch.bfloat16):
        out = hidden(gpt, batch)
        text, audio = gpt.text_head(out.text), gpt.mel_head(out.latents)
        mel = teacher.mel(out.latents)
        sounds = [layer(out.middle) for layer in teacher.sounds]
    counted = batch.words != IGNORED
    looked = [look.gather(2, batch.words.clamp(min=0)[..., None])[..., 0].clamp(min=1e-4).log() for look in out.looks]
    heard = batch.mel.abs().sum(-1) > 0
    return {
        "text": _cross_entropy(text, batch.text_targets),
        "audio": _cross_entropy(audio, batch.audio_targets),
        "attention": -sum((look * counted).sum() for look in looked) / counted.sum() / len(looked),
        "sounds": sum(_cross_entropy(row, batch.sounds[..., n]) for n, row in enumerate(sounds)) / len(sounds),
        "mel": ((mel.float() - batch.mel).abs().mean(-1) * heard).sum() / heard.sum(),
    }


def _cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(scores.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
