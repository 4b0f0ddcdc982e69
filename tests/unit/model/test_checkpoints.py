"""Checkpoints as the hub's are, damaged ones and hostile ones."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict

import pytest
import torch
from xtts_cloning import files
from xtts_cloning.config import ROOT
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints

SCRIPTS = ROOT / "workflow" / "scripts"

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.nn.Parameter(torch.ones(2))}


class Hostile:
    """Unpickled by the book, it would call `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("new_format", [True, False])
def test_tensors_and_containers_come_back(tmp_path, new_format):
    content = {"model": OrderedDict(STATE), "step": 3, "rates": [1e-3, (1, 2.5)], "half": torch.zeros(2).half()}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=new_format)
    loaded = checkpoints.load(tmp_path / "a.pth")
    assert list(loaded) == list(content) and loaded["step"] == 3 and loaded["rates"] == [1e-3, (1, 2.5)]
    assert type(loaded["model"]) is OrderedDict and loaded["half"].dtype == torch.float16
    for name, tensor in STATE.items():
        assert torch.equal(loaded["model"][name], tensor)


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("place", ["top", "inside"])
def test_hostile_file_is_refused_by_name_and_does_nothing(tmp_path, new_format, place):
    marker = tmp_path / "marker"
    hostile = Hostile(os.mkdir, str(marker))
    path = tmp_path / "model.pth"
    torch.save(
        hostile if place == "top" else {"model": STATE, "config": [hostile]},
        path,
        _use_new_zipfile_serialization=new_format,
    )
    with pytest.raises(UserError, match=r"model\.pth .* asks to call posix\.mkdir, .*\n.*source you trust"):
        checkpoints.load(path)
    if new_format:
        with pytest.raises(UserError, match=r"asks to call posix\.mkdir"):
            checkpoints.shapes(path)
    assert not marker.exists()
    torch.load(path)  # the file does what it says when it is let
    assert marker.exists()


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (eval, ("1",), r"builtins\.eval|__builtin__\.eval"),
        (getattr, (1, "real"), r"builtins\.getattr|__builtin__\.getattr"),
        (torch.hub.load, ("a", "b"), r"torch\.hub\.load"),
        (torch.load, ("x",), r"torch\.serialization\.load"),
        (subprocess.Popen, (["true"],), r"(subprocess|commands)\.Popen"),
    ],
)
def test_functions_are_refused_even_torchs_own(tmp_path, function, arguments, named):
    torch.save(Hostile(function, *arguments), tmp_path / "model.pth")
    with pytest.raises(UserError, match=named):
        checkpoints.load(tmp_path / "model.pth")


def test_names_with_dots_reach_nothing(tmp_path):
    """Protocol 4 looks `Tensor.__class__` up step by step; here a name is known as a whole or not at all."""
    pickled = pickle.PROTO + b"\x04" + pickle.SHORT_BINUNICODE + b"\x05torch" + pickle.SHORT_BINUNICODE
    pickled += b"\x10Tensor.__class__" + pickle.STACK_GLOBAL + pickle.STOP
    with zipfile.ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    with pytest.raises(UserError, match=r"torch\.Tensor\.__class__"):
        checkpoints.load(tmp_path / "model.pth")


def test_torchscript_is_refused(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "model.pth"))
    with pytest.raises(UserError, match="TorchScript program"):
        checkpoints.load(tmp_path / "model.pth")


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
@pytest.mark.parametrize("new_format", [True, False])
def test_truncated_file(tmp_path, kept, new_format):
    path = tmp_path / "model.pth"
    torch.save({"model": {"w": torch.zeros(500)}}, path, _use_new_zipfile_serialization=new_format)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    shapes_are_cut = new_format or kept not in (0.5, 0.99)  # the older format begins with them
    for read in (checkpoints.load, checkpoints.shapes)[: 1 + shapes_are_cut]:
        with pytest.raises(UserError, match=r"model\.pth is not a readable checkpoint"):
            read(path)


def test_what_torch_did_not_write(tmp_path):
    (tmp_path / "page.pth").write_text("<html>404</html>")
    with pytest.raises(UserError, match=r"page\.pth is not a readable checkpoint"):
        checkpoints.load(tmp_path / "page.pth")
    with pytest.raises(UserError, match=r"none\.pth does not exist"):
        checkpoints.load(tmp_path / "none.pth")


def test_sha256_is_checked_before_anything_is_read(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(STATE, path)
    assert set(checkpoints.load(path, files.sha256(path))) == set(STATE)
    path.write_bytes(b"neither readable nor right")
    with pytest.raises(
        UserError, match=rf"not the file that was expected\n  found    [0-9a-f]{{64}}\n  expected {'0' * 64}"
    ):
        checkpoints.load(path, "0" * 64)


def test_the_librarys_config_objects_become_dicts_without_the_library(standin):
    """In a process of its own, so that TTS cannot have been imported by another test."""
    code = f"""
import json, sys
sys.path.insert(0, {str(SCRIPTS)!r})
from xtts_cloning.model import checkpoints
checkpoint = checkpoints.load({str(standin / "model.pth")!r})
assert not [name for name in sys.modules if name.split(".")[0] in ("TTS", "coqpit", "trainer")]
json.dump(checkpoint["config"], sys.stdout)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, expected = json.loads(done.stdout), json.loads((standin / "config.json").read_text())
    assert {key: loaded[key] for key in expected} == expected
    with zipfile.ZipFile(standin / "model.pth") as archive:
        pickled = next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    for name in ("XttsConfig", "XttsArgs", "XttsAudioConfig", "BaseDatasetConfig"):
        assert name.encode() in pickled, "the stand-in must pickle what the hub's file pickles"


def test_shapes_equal_those_of_the_tensors(standin):
    loaded, shapes = checkpoints.load(standin / "model.pth"), checkpoints.shapes(standin / "model.pth")
    assert {name: tuple(tensor.shape) for name, tensor in loaded["model"].items()} == dict(shapes["model"])
    assert shapes["config"] == loaded["config"]


def test_shapes_need_no_torch(standin):
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from xtts_cloning.model import checkpoints; "
        f"checkpoints.shapes({str(standin / 'model.pth')!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_config_fits_its_weights(standin):
    config = json.loads((standin / "config.json").read_text())
    weights = checkpoints.shapes(standin / "model.pth")["model"]
    checkpoints.check_weights_fit(config, weights)
    checkpoints.check_weights_fit(config, {f"xtts.{name}": shape for name, shape in weights.items()})
    checkpoints.check_weights_fit(config, weights, vocabulary=config["model_args"]["gpt_number_text_tokens"])
    tensors = checkpoints.load(standin / "model.pth")["model"]
    checkpoints.check_weights_fit(config, tensors)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gpt_layers": 30}, r"gpt_layers: 2 in the weights, 30 by the config"),
        ({"gpt_n_model_channels": 1024}, r"gpt\.mel_embedding\.weight: \(1026, 64\) in the weights, \(1026, 1024\) by"),
        ({"gpt_n_heads": 3}, r"gpt_n_heads: 3 does not divide gpt_n_model_channels, 64"),
        ({"gpt_num_audio_tokens": 8194}, r"gpt\.mel_head\.weight"),
        ({"gpt_max_audio_tokens": 604}, r"gpt\.mel_pos_embedding\.emb\.weight"),
        ({"gpt_max_text_tokens": 200}, r"gpt\.text_pos_embedding\.emb\.weight"),
        ({"gpt_number_text_tokens": 6681}, r"gpt\.text_embedding\.weight"),
        ({"gpt_use_perceiver_resampler": False}, r"gpt_use_perceiver_resampler: True in the weights, False by"),
        ({"decoder_input_dim": 1024}, r"conv_pre\.weight: \(512, 64, 7\) in the weights, \(512, 1024, 7\)"),
        ({"d_vector_dim": 256}, r"cond_layer\.weight"),
    ],
)
def test_config_that_does_not_fit(standin, change, told):
    config = json.loads((standin / "config.json").read_text())
    weights = checkpoints.shapes(standin / "model.pth")["model"]
    config["model_args"].update(change)
    with pytest.raises(UserError, match=told):
        checkpoints.check_weights_fit(config, weights)


def test_real_config_against_the_stand_in_lists_every_difference(standin, hub_files):
    config = json.loads((hub_files / "config.json").read_text())
    with pytest.raises(UserError) as caught:
        checkpoints.check_weights_fit(config, checkpoints.shapes(standin / "model.pth")["model"], vocabulary=6681)
    told = str(caught.value)
    assert "gpt_layers: 2 in the weights, 30 by the config" in told
    assert "gpt.text_embedding.weight: (329, 64) in the weights, (6681, 1024) by the config" in told
