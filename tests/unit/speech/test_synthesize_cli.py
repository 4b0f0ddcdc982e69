"""The script: in the workflow, by hand, with bad input, and killed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys

import builtin_voices
import numpy as np
import pytest
import soundfile
import synthesize
import torch
from xtts_cloning import files, products
from xtts_cloning.errors import UserError
from xtts_cloning.speech import speaking


def run(monkeypatch, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", ["synthesize.py", *map(str, arguments)])
    synthesize.main()


def rows(path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def chain(standin, voice_wav, speak_settings, tmp_path) -> list:
    """The arguments of the workflow's rule, on a small scale."""
    speak_settings["synthesis"]["phrases"] = [{"id": "short", "text": "Hello there.", "probe": True}]
    lines, mdata, wavs = tmp_path / "lines.txt", tmp_path / "data" / "mdata_test.csv", tmp_path / "data" / "wavs"
    lines.write_text("The first line.\nThe second line.\n")
    wavs.mkdir(parents=True)
    (wavs / "LJ001-0001.wav").touch()
    mdata.write_text("audio_file|text|speaker_name\nwavs/LJ001-0001.wav|A held-out clip.|me\n")
    output = tmp_path / "speech" / "zero_shot"
    arguments = ["--settings", json.dumps(speak_settings), "--model", standin, "--reference", voice_wav, "--phrases"]
    return [*arguments, "--lines", lines, "--test", mdata, "--output", output]


def test_the_workflows_call_twice_gives_the_same_bytes(chain, monkeypatch):
    output = chain[-1]
    run(monkeypatch, *chain)
    found = rows(output / "manifest.csv")
    assert [(row["utterance"], row["kind"]) for row in found] == [
        ("short", "phrase"),
        ("short_unsplit", "probe"),
        ("line01", "line"),
        ("line02", "line"),
        ("LJ001-0001", "test"),
    ]
    names = {row["audio_file"] for row in found} | {"manifest.csv", "timing.csv", "engine.json"}
    assert {path.name for path in output.glob("[!.]*")} == names
    engine = json.loads((output / "engine.json").read_text())
    assert engine["precision"] == engine["vocoder_precision"] == "float32" and engine["driver"] is None
    assert engine["vocoder_layout"] in ("channels_last", "contiguous_format")
    assert {"causal, float32", "to all, float32"} <= set(engine["attention"])
    assert all(found["fused"] for found in engine["attention"].values())
    kept = {path.name: files.sha256(path) for path in output.glob("[!.]*") if path.name != "timing.csv"}
    run(monkeypatch, *chain)
    assert kept == {path.name: files.sha256(path) for path in output.glob("[!.]*") if path.name != "timing.csv"}
    assert not list(output.parent.glob("*.partial"))


def test_by_hand_any_recording_and_any_text(standin, voice_wav, tmp_path, monkeypatch):
    samples, rate = soundfile.read(voice_wav)
    soundfile.write(tmp_path / "my.mp3", np.stack([samples, samples], 1), rate)
    monkeypatch.chdir(tmp_path)
    texts = ["--text", "Hi.", "Ho."]
    settings = tmp_path / "mine.yaml"
    settings.write_text("synthesis: {max_new_tokens: 4}\ncompute: {device: cpu, threads: 1}\n")
    run(monkeypatch, "--settings", settings, "--model", standin, "--reference", "my.mp3", *texts)
    found = rows(tmp_path / "results/by_hand/manifest.csv")
    assert [(row["utterance"], row["text"], row["audio_tokens"]) for row in found] == [
        ("text01", "Hi.", "4"),
        ("text02", "Ho.", "4"),
    ]
    assert soundfile.info(tmp_path / "results/by_hand/text02.wav").samplerate == 24000


def test_a_speaker_of_the_model_speaks_in_place_of_a_reference(standin, chain, monkeypatch, tmp_path):
    folder, output = shutil.copytree(standin, tmp_path / "model"), chain[-1]
    builtin_voices.write(folder, "Ana Example", "Bob Example")
    spoken = {}
    for name in ("Ana Example", "Bob Example", "Ana Example"):
        run(monkeypatch, *chain[:2], "--model", folder, "--speaker", name, "--test", chain[-3], "--output", output)
        assert [row["utterance"] for row in rows(output / "manifest.csv")] == ["LJ001-0001"]
        content = (output / "LJ001-0001.wav").read_bytes()
        assert spoken.setdefault(name, content) == content
    assert len(set(spoken.values())) == 2
    with pytest.raises(UserError, match="no speaker 'Eve'; it has Ana Example, Bob Example"):
        run(monkeypatch, *chain[:2], "--model", folder, "--speaker", "Eve", "--text", "Hi.")
    with pytest.raises(SystemExit):
        run(monkeypatch, *chain, "--speaker", "Ana Example")


def test_nothing_to_speak_is_told(chain, monkeypatch, capsys):
    with pytest.raises(SystemExit) as error:
        run(monkeypatch, *chain[:6])
    assert error.value.code == 2
    assert "give --text or --lines" in capsys.readouterr().err


def test_a_failed_run_leaves_what_was_there(chain, monkeypatch):
    output = chain[-1]
    output.mkdir(parents=True)
    (output / "good.wav").write_text("from before")
    (output / products.RECORD).touch()

    def full(*arguments):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(speaking, "speak", full)
    with pytest.raises(UserError, match=r"synthesis\.batch_size 16; lower that key"):
        run(monkeypatch, *chain)
    assert [path.name for path in output.glob("[!.]*")] == ["good.wav"]
    assert not list(output.parent.glob("*.partial"))


@pytest.mark.parametrize(
    "option, value, expected",
    [
        ("--language", "xx", "'xx' is not one that the model speaks"),
        ("--model", "nowhere", "nowhere.*missing"),
        ("--reference", "nowhere.wav", r"nowhere\.wav: no audio file"),
        ("--lines", "nowhere.txt", r"nowhere\.txt does not exist"),
        ("--test", "nowhere.csv", r"nowhere\.csv is not there"),
    ],
)
def test_bad_arguments_are_told(chain, monkeypatch, option, value, expected):
    with pytest.raises(UserError, match=expected):
        run(monkeypatch, *chain, option, value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_told(chain, monkeypatch):
    settings = json.loads(chain[1])
    settings["compute"]["device"] = "cuda"
    chain[1] = json.dumps(settings)
    with pytest.raises(UserError, match=r"compute\.device is cuda"):
        run(monkeypatch, *chain)


def test_a_text_the_model_cannot_speak_ends_without_a_traceback(chain):
    settings = json.loads(chain[1])
    settings["synthesis"]["phrases"][0]["text"] = "never " * 100  # its probe is one piece
    chain[1] = json.dumps(settings)
    done = subprocess.run([sys.executable, synthesize.__file__, *map(str, chain)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "synthesis.phrases, 'short', in one piece (probe: true)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_run_is_simply_started_again(chain, monkeypatch):
    output = chain[-1]
    process = subprocess.Popen(
        [sys.executable, synthesize.__file__, *map(str, chain)], stderr=subprocess.PIPE, text=True, bufsize=1
    )
    seen = ""
    while "vocoding" not in seen:  # in the middle of its work
        seen += (character := process.stderr.read(1))
        assert character, f"ended before it spoke: {seen}"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not output.exists()
    run(monkeypatch, *chain)
    assert len(rows(output / "manifest.csv")) == 5
