"""A model folder loads as the library loads it, and whatever does not fit is told."""

import json
import shutil

import pytest
import torch
from xtts_cloning.errors import UserError
from xtts_cloning.model import loading


@pytest.fixture
def changed(standin, tmp_path):
    """A copy of the stand-in whose files a test may change; the checkpoint is a link until it is rewritten."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "vocab.json"):
        shutil.copy(standin / name, folder / name)
    (folder / "model.pth").symlink_to(standin / "model.pth")
    return folder


def rewrite_weights(folder, change) -> None:
    weights = loading.checkpoints.load(folder / "model.pth")["model"]
    (folder / "model.pth").unlink()
    torch.save({"model": change(weights)}, folder / "model.pth")


def rewrite_config(folder, **args) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model_args"].update(args)
    (folder / "config.json").write_text(json.dumps(config))


def test_every_tensor_is_the_librarys(model, library_model):
    ours, theirs = model.state_dict(), library_model.state_dict()
    assert list(ours) == list(theirs)
    assert len(ours) > 300
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not model.training and not model.gpt.training


def test_buffers_outside_the_checkpoint_are_the_librarys(model, library_model):
    theirs = dict(library_model.named_buffers())
    ours = dict(model.named_buffers())
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_it_generates_as_the_library_does(model, library_model):
    text, latents = torch.arange(5, 25)[None], torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0))
    speaker = torch.randn(1, 512, 1, generator=torch.Generator().manual_seed(1))
    options = {"do_sample": False, "max_new_tokens": 8, "repetition_penalty": 5.0}
    codes = [each.gpt.generate(latents, text, **options) for each in (model, library_model)]
    assert torch.equal(*codes) and codes[0].shape == (1, 8)
    hidden = torch.randn(1, 9, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        audio = [each.hifigan_decoder(hidden, g=speaker) for each in (model, library_model)]
    assert torch.equal(*audio)


def test_a_trainers_checkpoint_loads_the_same(changed, model):
    def as_the_trainer_saves(weights):
        trained = {f"xtts.{name}": tensor for name, tensor in weights.items()}
        return {**trained, "dvae.codebook.embed": torch.zeros(2), "torch_mel_spectrogram_dvae.x": torch.zeros(2)}

    rewrite_weights(changed, as_the_trainer_saves)
    loaded = loading.load(changed).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())


def test_half_precision_weights_become_float32(changed):
    rewrite_weights(changed, lambda weights: {name: tensor.half() for name, tensor in weights.items()})
    assert {parameter.dtype for parameter in loading.load(changed).parameters()} == {torch.float32}


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"gpt_layers": 3}, "gpt_layers: 2 in the weights, 3 by the config"),
        ({"gpt_n_model_channels": 128}, "mel_head"),
        ({"decoder_input_dim": 128}, "conv_pre"),
        ({"gpt_use_perceiver_resampler": False}, "only XTTS-v2"),
        ({"gpt_max_audio_tokens": "many"}, "do not belong together"),
    ],
)
def test_a_config_that_does_not_fit_is_told(changed, change, expected):
    rewrite_config(changed, **change)
    with pytest.raises(UserError, match=expected):
        loading.load(changed)


def test_a_vocabulary_of_another_size_is_told(changed):
    vocab = json.loads((changed / "vocab.json").read_text())
    vocab["model"]["vocab"]["zz"] = len(vocab["model"]["vocab"])
    (changed / "vocab.json").write_text(json.dumps(vocab))
    with pytest.raises(UserError, match=r"text_embedding"):
        loading.load(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: {name: tensor for name, tensor in weights.items() if "ln_1" not in name},
        lambda weights: {**weights, "gpt.another.weight": torch.zeros(1)},
        lambda weights: ["no weights"],
    ],
    ids=["one missing", "one too many", "none"],
)
def test_weights_that_do_not_fit_are_told(changed, change):
    rewrite_weights(changed, change)
    with pytest.raises(UserError, match=r"model\.pth and config\.json do not belong together"):
        loading.load(changed)


@pytest.mark.parametrize("name", ["model.pth", "config.json", "vocab.json"])
def test_a_missing_file_is_named(changed, name):
    (changed / name).unlink()
    with pytest.raises(UserError, match=name):
        loading.load(changed)


def test_a_config_that_is_no_json_is_named(changed):
    (changed / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is not the config of an XTTS-v2 model"):
        loading.load(changed)


def test_a_hostile_checkpoint_is_refused(changed, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'owned')!r}, 'w')",))

    (changed / "model.pth").unlink()
    torch.save({"model": {}, "config": Hostile()}, changed / "model.pth")
    with pytest.raises(UserError, match="refused"):
        loading.load(changed)
    assert not (tmp_path / "owned").exists()


def test_the_real_config_describes_the_real_model(hub_files):
    config = json.loads((hub_files / "config.json").read_text())
    tokenizer = loading.texts.load_tokenizer(hub_files / "vocab.json")
    with loading.no_init_weights():
        model = loading.Model(config, tokenizer)
    millions = sum(parameter.numel() for parameter in model.gpt.parameters()) / 1e6
    assert round(millions) == 441
