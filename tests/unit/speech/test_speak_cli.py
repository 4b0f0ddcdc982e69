"""A voice in one line: what speak.py writes, and what it never writes over."""

import sys

import pytest
import soundfile
import speak
from xtts_cloning import config
from xtts_cloning.errors import UserError


@pytest.fixture
def said(standin, model, voice_wav, tmp_path, monkeypatch):
    """Run the script with these arguments; the folder that it writes to."""
    short = {"reference": {}, "synthesis": {"max_new_tokens": 4}, "compute": {"threads": 1, "device": "cpu"}}
    loaded = config.load(config.ROOT / "config/demo.yaml")
    for section, changes in short.items():
        loaded[section] |= changes
    monkeypatch.setattr(config, "load", lambda path: loaded)
    monkeypatch.setattr(speak.loading, "load", lambda *_: model)
    folder = tmp_path / "by hand"

    def run(*arguments) -> list[str]:
        fixed = ["speak.py", "--model", standin, "--reference", voice_wav, "--output", folder]
        monkeypatch.setattr(sys, "argv", [*map(str, fixed), *map(str, arguments)])
        speak.main()
        return sorted(path.name for path in folder.iterdir())

    return run


def test_one_wav_for_each_text_and_none_overwritten(said, tmp_path, capsys):
    folder = tmp_path / "by hand"
    folder.mkdir()
    (folder / "good-morning.wav").write_text("somebody's own")
    assert said("--text", "Hello, from my voice!", "Good morning.") == [
        "good-morning-2.wav",
        "good-morning.wav",
        "hello-from-my-voice.wav",
    ]
    assert (folder / "good-morning.wav").read_text() == "somebody's own"
    first = (folder / "hello-from-my-voice.wav").read_bytes()
    assert "hello-from-my-voice-2.wav" in said("--text", "Hello, from my voice!")
    assert (
        (folder / "hello-from-my-voice-2.wav").read_bytes()
        == first
        == (folder / "hello-from-my-voice.wav").read_bytes()
    )
    info = soundfile.info(folder / "hello-from-my-voice.wav")
    assert (info.samplerate, info.channels, info.subtype) == (24000, 1, "PCM_16")
    assert "made in" in capsys.readouterr().out


def test_lines(said, tmp_path):
    (tmp_path / "lines.txt").write_text("One line.\n\nAnother line.\n")
    assert said("--lines", tmp_path / "lines.txt") == ["another-line.wav", "one-line.wav"]


def test_a_failed_write_leaves_no_file_and_an_impossible_folder_costs_no_model(said, tmp_path, monkeypatch):
    monkeypatch.setattr(speak.audio, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError):
        said("--text", "Hello.")
    assert list((tmp_path / "by hand").iterdir()) == []
    monkeypatch.setattr(speak.loading, "load", lambda *_: pytest.fail("a model was loaded"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--output: .*file can be no folder"):
        said("--text", "Hello.", "--output", tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "name"), [("?!", "speech"), ("Grüße, Ömer!", "grüße-ömer"), ("a " * 90, "a-" * 29 + "a"), ("../x", "x")]
)
def test_names(tmp_path, text, name):
    assert speak.write_new(tmp_path, text, [0.0]).name == f"{name}.wav"
