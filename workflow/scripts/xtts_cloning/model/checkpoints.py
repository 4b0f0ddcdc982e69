"""Checkpoints are pickles, and a pickle is a program: here only tensors, containers and config objects come out of one.

The hub's model.pth also pickles objects of the TTS library's config classes. They become plain dicts, so reading a
checkpoint imports nothing of TTS; any other class or function that a file asks for is refused by name.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from xtts_cloning import files
from xtts_cloning.errors import UserError

# The hub repository and commit that the workflow ships with: bytes and sha256 of each file.
PINNED = ("coqui/XTTS-v2", "6c2b0d75eae4b7047358e3b6bd9325f857d43f77")
PINS = {
    "config.json": (4368, "ef262b1454dd2a77e1461b0b2cd53e19b8a7624cc131b837d36df67356bc75e8"),
    "vocab.json": (361219, "928260878a59da8a72a2a5b7687fea29d5106137669d90945430fe17e415304a"),
    "mel_stats.pth": (1067, "1f69422a8a8f344c4fca2f0c6b8d41d2151d6615b7321e48e6bb15ae949b119c"),
    "speakers_xtts.pth": (7754818, "f0f6137c19a4eab0cbbe4c99b5babacf68b1746e50da90807708c10e645b943b"),
    "dvae.pth": (210514388, "b29bc227d410d4991e0a8c09b858f77415013eeb9fba9650258e96095557d97a"),
    "model.pth": (1867929118, "c7ea20001c6a0a841c77e252d8409f6a74fb423e79b3206a0771ba5989776187"),
}

MODEL_FILES = ("model.pth", "config.json", "vocab.json", "dvae.pth", "mel_stats.pth")  # of every model folder

CONFIG_CLASSES = (
    "TTS.tts.configs.xtts_config.XttsConfig",
    "TTS.tts.models.xtts.XttsArgs",
    "TTS.tts.models.xtts.XttsAudioConfig",
    "TTS.config.shared_configs.BaseDatasetConfig",
)


def load(path: str | Path, sha256: str | None = None) -> Any:
    """What torch.save wrote to `path`, on the CPU, its config objects as dicts; the sha256 is checked first if given.

    UserError for a wrong hash, a truncated or foreign file, and a file that asks for anything but data.
    """
    if sha256 is not None and Path(path).is_file() and (found := files.sha256(path)) != sha256:
        raise UserError(f"{path} is not the file that was expected\n  found    {found}\n  expected {sha256}")
    import torch

    restricted = SimpleNamespace(__name__="restricted", Unpickler=_TensorUnpickler, load=_load_restricted)

    def read() -> Any:
        _refuse_torchscript(path)
        return torch.load(path, map_location="cpu", pickle_module=restricted)

    return _plain(_read(path, read))


def shapes(path: str | Path) -> Any:
    """As `load`, but each tensor is the tuple of its shape: read in milliseconds and without torch."""

    def read() -> Any:
        if not zipfile.is_zipfile(path):
            with open(path, "rb") as file:  # torch's older format: magic number, version and machine come first
                return [_ShapeUnpickler(file).load() for _ in range(4)][3]
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as file:
                return _ShapeUnpickler(file).load()

    return _plain(_read(path, read))


def weights_in(content: Any, path: str | Path) -> dict:
    """The weights (or shapes) by name in what was read from a model.pth, where XTTS has them under "model"."""
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a model's weights by name; is it another file?")
    return content.get("model", content)


def check_weights_fit(config: dict, weights: Mapping[str, Any], vocabulary: int | None = None) -> None:
    """UserError that lists where a model's config.json and its weights (tensors or shapes by name) disagree.

    `vocabulary` is the tokenizer's number of tokens: where a tokenizer is given, the library sizes the text embedding
    by it and not by config.json.
    """
    args = config["model_args"]
    width, codes = args["gpt_n_model_channels"], args["gpt_num_audio_tokens"]
    held = {name.removeprefix("xtts."): tuple(getattr(value, "shape", value)) for name, value in weights.items()}
    # sizes as TTS/tts/layers/xtts/gpt.py and hifigan_decoder.py build the modules
    expected = {
        "gpt.text_pos_embedding.emb.weight": (args["gpt_max_text_tokens"] + 2, width),
        "gpt.mel_pos_embedding.emb.weight": (args["gpt_max_audio_tokens"] + 3, width),
        "gpt.mel_embedding.weight": (codes, width),
        "gpt.mel_head.weight": (codes, width),
        "hifigan_decoder.waveform_decoder.conv_pre.weight": (512, args["decoder_input_dim"], 7),
        "hifigan_decoder.waveform_decoder.cond_layer.weight": (512, args["d_vector_dim"], 1),
    }
    if text_tokens := vocabulary or args["gpt_number_text_tokens"]:
        expected["gpt.text_embedding.weight"] = (text_tokens, width)
    wrong = [
        f"{name}: {held.get(name, 'missing')} in the weights, {shape} by the config"
        for name, shape in expected.items()
        if held.get(name) != shape
    ]
    layers = len({name.split(".")[3] for name in held if name.startswith("gpt.gpt.h.")})
    if layers != args["gpt_layers"]:
        wrong.append(f"gpt_layers: {layers} in the weights, {args['gpt_layers']} by the config")
    perceiver = any(name.startswith("gpt.conditioning_perceiver.") for name in held)
    if perceiver != args["gpt_use_perceiver_resampler"]:
        wrong.append(f"gpt_use_perceiver_resampler: {perceiver} in the weights, {not perceiver} by the config")
    if width % args["gpt_n_heads"]:
        wrong.append(f"gpt_n_heads: {args['gpt_n_heads']} does not divide gpt_n_model_channels, {width}")
    if wrong:
        listed = "\n".join(f"  {line}" for line in wrong)
        raise UserError(
            "the model's config.json (and vocab.json) do not fit the weights in its model.pth:\n"
            f"{listed}\nTake all files of the model folder from the same model and revision."
        )


def dvae_weights(content: Any, path: str | Path, codes: int) -> dict:
    """The DVAE's encoder and codebook, all that gives a clip its codes, in what was read from a dvae.pth.

    Tensors or shapes by name; a decoder may be there or not. UserError that lists what is missing or of another shape
    than TTS/tts/layers/xtts/trainer/gpt_trainer.py gives the DVAE with a codebook of `codes`.
    """
    width, hidden = 512, 1024
    convolutions = {"encoder.0.0": (width, 80, 3), "encoder.1.0": (hidden, width, 3)}
    for block in (2, 3, 4):
        for layer, kernel in ((0, 3), (2, 3), (4, 1)):
            convolutions[f"encoder.{block}.net.{layer}"] = (hidden, hidden, kernel)
    convolutions["encoder.5"] = (width, hidden, 1)
    expected = {f"{name}.weight": shape for name, shape in convolutions.items()}
    expected |= {f"{name}.bias": shape[:1] for name, shape in convolutions.items()}
    expected["codebook.embed"] = (width, codes)
    weights = weights_in(content, path)
    shapes_held = {name: getattr(weights.get(name), "shape", weights.get(name)) for name in expected}
    held = {name: tuple(shape) for name, shape in shapes_held.items() if isinstance(shape, tuple)}
    wrong = [
        f"{name}: {held.get(name, 'missing')}, expected {shape}"
        for name, shape in expected.items()
        if held.get(name) != shape
    ]
    if wrong:
        listed = "\n".join(f"  {line}" for line in wrong)
        raise UserError(
            f"{path} does not hold the encoder and codebook of XTTS-v2's DVAE:\n{listed}\n"
            "Take it from the same model and revision as model.pth and config.json."
        )
    return {name: weights[name] for name in expected}


class _Config(dict):
    """What a pickled config object becomes: its attributes, none of its code."""

    __setstate__ = dict.update


CONTAINERS = {"collections.OrderedDict": OrderedDict, **dict.fromkeys(CONFIG_CLASSES, _Config)}


class _Refused(Exception):
    """Holds the name of the class or function that a checkpoint asked for."""


class _TensorUnpickler(pickle.Unpickler):
    """What torch itself counts as mere data (its list for weights_only), and the config classes."""

    def find_class(self, module: str, name: str) -> Any:
        return _look_up(f"{module}.{name}", CONTAINERS, _data_of_torch())


class _ShapeUnpickler(pickle.Unpickler):
    """The same without torch: tensors are their shapes, and nothing else of torch is called."""

    def find_class(self, module: str, name: str) -> Any:
        ignored = {f"{module}.{name}": _nothing} if module.split(".")[0] == "torch" else {}
        return _look_up(f"{module}.{name}", CONTAINERS, SHAPES, ignored)

    def persistent_load(self, pid: Any) -> None:
        """A tensor's storage, which is not needed."""


def _shape(storage: None, offset: int, size: tuple[int, ...], *rest: Any) -> tuple[int, ...]:
    """Stands in for torch's function that makes a tensor of a storage."""
    return tuple(size)


def _first(data: Any, *rest: Any) -> Any:
    """Stands in for torch's function that makes a parameter of a tensor."""
    return data


def _nothing(*arguments: Any) -> None:
    """Stands in for everything else of torch."""


SHAPES = {"torch._utils._rebuild_tensor_v2": _shape, "torch._utils._rebuild_parameter": _first}


@cache
def _data_of_torch() -> dict[str, Any]:
    from torch._weights_only_unpickler import _get_allowed_globals

    return _get_allowed_globals()


def _look_up(name: str, *tables: dict[str, Any]) -> Any:
    for table in tables:
        if name in table:
            return table[name]
    raise _Refused(name)


def _load_restricted(file: Any, **options: Any) -> Any:
    """pickle.load for torch's older file format."""
    return _TensorUnpickler(file, **options).load()


def _read(path: str | Path, read: Callable[[], Any]) -> Any:
    """What `read` gives, with the errors of a bad checkpoint told as such."""
    try:
        return read()
    except _Refused as error:
        raise UserError(
            f"{path} is not a mere checkpoint: it asks to call {error}, which is neither a tensor nor a config\n"
            "Loading it would run code of whoever made it, so it is refused. Take the model from a source you trust."
        ) from None
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; it belongs to the model or training that its folder is of") from None
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged bytes fail in every way there is
        raise UserError(
            f"{path} is not a readable checkpoint ({type(error).__name__}: {error})\n"
            "It is truncated, damaged or not written by torch.save; copy or download it again."
        ) from None


def _refuse_torchscript(path: str | Path) -> None:
    """Such a file looks like a checkpoint, but torch.load would hand it to its compiler."""
    import torch

    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":  # how torch.load tells its zip format from its older one
            return
    if torch._C.PyTorchFileReader(str(path)).has_record("constants.pkl"):
        raise _Refused("a TorchScript program")


def _plain(value: Any) -> Any:
    """The same with every config object as a plain dict; containers are changed in place."""
    if isinstance(value, _Config):
        return {key: _plain(content) for key, content in value.items() if key != "_initialized"}  # coqpit's own mark
    if isinstance(value, dict):
        for key in value:
            value[key] = _plain(value[key])
    elif isinstance(value, list):
        value[:] = map(_plain, value)
    elif type(value) is tuple:
        value = tuple(map(_plain, value))
    return value
