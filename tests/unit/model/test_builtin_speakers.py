"""The speakers that come with the model: found by name, checked against the model, and read as data only."""

import subprocess
import sys

import builtin_voices
import pytest
import torch
from xtts_cloning import config
from xtts_cloning.errors import UserError
from xtts_cloning.model import builtin_speakers


@pytest.fixture
def folder(tmp_path):
    builtin_voices.write(tmp_path, "Ana Example", "Bob Example")
    return tmp_path


def test_a_speaker_is_what_the_file_holds(folder, model):
    stored = torch.load(folder / "speakers_xtts.pth")["Bob Example"]
    latents, embedding = builtin_speakers.conditioning(model, folder, "Bob Example")
    assert torch.equal(latents, stored["gpt_cond_latent"]) and torch.equal(embedding, stored["speaker_embedding"])
    assert not torch.equal(latents, builtin_speakers.conditioning(model, folder, "Ana Example")[0])


def test_an_unknown_speaker_is_told_with_the_known_ones(folder):
    assert builtin_speakers.check(folder, "Ana Example") == "Ana Example"
    with pytest.raises(UserError, match=r"no speaker 'Eve'; it has Ana Example, Bob Example\n.*\./recordings"):
        builtin_speakers.check(folder, "Eve")


def test_a_folder_without_speakers(tmp_path):
    with pytest.raises(UserError, match=r"speakers_xtts\.pth does not exist.*\n.*evaluation\.other_speaker"):
        builtin_speakers.check(tmp_path, "Ana Example")


def test_speakers_of_another_model(folder, model):
    builtin_voices.write(folder, "Ana Example", width=1024)
    with pytest.raises(UserError, match=r"Ana Example has the shapes \(\(1, 32, 1024\).*wants \(\(1, 32, 64\)"):
        builtin_speakers.conditioning(model, folder, "Ana Example")


@pytest.mark.parametrize("content", [torch.zeros(3), {"Ana Example": torch.zeros(3)}, {"Ana Example": {"latent": 1}}])
def test_another_file_under_that_name(tmp_path, content):
    torch.save(content, tmp_path / "speakers_xtts.pth")
    with pytest.raises(UserError, match="holds no gpt_cond_latent and speaker_embedding by speaker"):
        builtin_speakers.check(tmp_path, "Ana Example")


def test_checking_a_name_imports_no_torch(folder):
    code = (
        f"import sys; sys.path.insert(0, {str(config.ROOT / 'workflow/scripts')!r}); "
        "from xtts_cloning.model import builtin_speakers; "
        f"print(builtin_speakers.check({str(folder)!r}, 'Ana Example'), 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "Ana Example False\n"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Claribel Dervla", "Claribel Dervla"),
        ("./recordings", None),
        ("data/downloads/demo-other-speaker", None),
        ("voice.wav", None),
        (None, None),
    ],
)
def test_a_name_is_told_from_a_path(value, name):
    assert config.builtin_speaker({"evaluation": {"other_speaker": value}}) == name
