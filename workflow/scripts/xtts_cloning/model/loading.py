"""XTTS-v2 from a folder in the hub's layout: model.pth, config.json and vocab.json.

The weights land in the library's own GPT and HifiDecoder, as `Xtts.load_checkpoint` (TTS/tts/models/xtts.py) puts them,
without its plain torch.load, its trainer's imports and its building of every module twice.
"""

from pathlib import Path
from types import SimpleNamespace

import torch
from transformers.modeling_utils import no_init_weights

from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints, texts
from xtts_cloning.model import config as model_config
from xtts_cloning.model.library import GPT, HifiDecoder

# Not spoken with: the training's own modules, and second names that `init_gpt_for_inference` gives to the same tensors.
NOT_LOADED = ("dvae.", "torch_mel_spectrogram_", "gpt.gpt_inference.", "gpt.gpt.wte.")


class Model(torch.nn.Module):
    """The parts that speak, under the names that they have in the library's Xtts, so that the state dicts are the same.

    gpt, hifigan_decoder: the library's modules; mel_stats: [80], what mel spectrograms are divided by;
    tokenizer: the library's VoiceBpeTokenizer; config: config.json as a dict; args: its model_args.
    """

    def __init__(self, config: dict, tokenizer):
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.args = args = SimpleNamespace(**config["model_args"])
        self.gpt = GPT(
            layers=args.gpt_layers,
            model_dim=args.gpt_n_model_channels,
            heads=args.gpt_n_heads,
            max_text_tokens=args.gpt_max_text_tokens,
            max_mel_tokens=args.gpt_max_audio_tokens,
            max_prompt_tokens=args.gpt_max_prompt_tokens,
            number_text_tokens=tokenizer.get_number_tokens(),
            start_text_token=tokenizer.tokenizer.token_to_id("[START]"),
            stop_text_token=tokenizer.tokenizer.token_to_id("[STOP]"),
            num_audio_tokens=args.gpt_num_audio_tokens,
            start_audio_token=args.gpt_start_audio_token,
            stop_audio_token=args.gpt_stop_audio_token,
            use_perceiver_resampler=args.gpt_use_perceiver_resampler,
            code_stride_len=args.gpt_code_stride_len,
        )
        self.hifigan_decoder = HifiDecoder(
            input_sample_rate=args.input_sample_rate,
            output_sample_rate=args.output_sample_rate,
            output_hop_length=args.output_hop_length,
            ar_mel_length_compression=args.gpt_code_stride_len,
            decoder_input_dim=args.decoder_input_dim,
            d_vector_dim=args.d_vector_dim,
            cond_d_vector_in_each_upsampling_layer=args.cond_d_vector_in_each_upsampling_layer,
        )
        self.register_buffer("mel_stats", torch.ones(80))


def load(folder: str | Path, device: str | torch.device = "cpu") -> Model:
    """The model in `folder`, in float32, in evaluation mode, ready to speak on `device`; errors as in `read`."""
    model = read(folder)
    model.gpt.init_gpt_for_inference(kv_cache=True)
    return model.eval().to(device)


def read(folder: str | Path) -> Model:
    """The model in `folder` on the CPU, in float32, as it is stored and trained.

    Raises UserError when a file is missing or unreadable, or when config, vocabulary and weights do not fit together.
    """
    folder = Path(folder)
    config = model_config.read(folder)
    tokenizer = texts.load_tokenizer(folder / "vocab.json")
    if not (folder / "model.pth").is_file():
        raise UserError(f"{folder}: model.pth is missing; a model folder holds model.pth, config.json and vocab.json")
    weights = checkpoints.load(folder / "model.pth")
    try:
        # the library's trainer puts "xtts." before every name
        weights = {name.removeprefix("xtts."): tensor for name, tensor in weights["model"].items()}
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(NOT_LOADED)}
        checkpoints.check_weights_fit(config, weights, tokenizer.get_number_tokens())
        # every weight comes from the file; drawing 441 million random ones before would take half a minute
        with no_init_weights():
            model = Model(config, tokenizer)
        model.load_state_dict(weights, assign=True)  # without a second copy in memory
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError(
            f"{folder}: model.pth and config.json do not belong together, or are not of an XTTS-v2 model; take both "
            f"from the same model and revision\n{type(error).__name__}: {str(error)[:300]}"
        ) from None
    return model.float()
