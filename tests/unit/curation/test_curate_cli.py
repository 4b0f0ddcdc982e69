"""From a folder of recordings to a data set that the subset takes: clips, what is left out, and nothing heard twice."""

import shutil
import sys

import curate
import numpy as np
import pandas as pd
import pytest
import soundfile
import truth
from xtts_cloning.data import metadata
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.transcripts import normalise
from xtts_cloning.evaluation.whisper import Whisper


@pytest.fixture(scope="module")
def recordings(ljspeech_archive, tmp_path_factory):
    """talk.flac with its script, deeper/memo.wav without one, and a film's worth of nothing."""
    folder = tmp_path_factory.mktemp("recordings")
    clips = [("lj", text, samples) for text, samples in truth.ljspeech(ljspeech_archive, 6)]
    (folder / "deeper").mkdir()
    for name, some in {"talk.flac": clips[:4], "deeper/memo.wav": clips[4:]}.items():
        soundfile.write(folder / name, truth.strung(some, pauses=(0.5, 1.2)).samples, truth.RATE, subtype="PCM_16")
    (folder / "talk.txt").write_text("\n\n".join(text for _, text, _ in clips[:4]), encoding="utf-8")
    (folder / "broken.mp3").write_bytes(bytes(1000))
    return folder, [text for _, text, _ in clips]


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["curate.py", *map(str, arguments)])
    curate.main()


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("**/[!.]*") if path.is_file()}


def test_clips_of_each_recording_and_nothing_heard_twice(recordings, asr_model, tmp_path, monkeypatch, capsys):
    source, texts = recordings
    output = tmp_path / "voice"
    call = ["--recordings", source, "--asr", asr_model, "--threads", 2, "--output", output]
    run(monkeypatch, *call)
    assert "1 recordings could not be used" in capsys.readouterr().err

    transcripts, bad_rows = metadata.parse_ljspeech((output / "metadata.csv").read_bytes(), "metadata.csv")
    clips = pd.read_csv(output / "clips.csv")
    assert list(transcripts) == list(clips.id) and not bad_rows
    assert {path.stem for path in (output / "wavs").glob("*.wav")} == set(clips.id)
    written, said = " ".join(texts[:4]), clips[clips.recording.str.endswith("talk.flac")].text
    assert len(said) >= 3 and all(text in written for text in said), "the script's own words"
    assert set(normalise(" ".join(clips.text)).split()) & set(normalise(texts[5]).split())
    for clip in clips.itertuples():
        samples, rate = soundfile.read(output / "wavs" / f"{clip.id}.wav")
        assert rate == 22_050 and 2 <= clip.end_seconds - clip.start_seconds <= 11 and len(samples) / rate < 11.6
        assert abs(samples[0]) < 1e-3 and abs(samples[-1]) < 1e-3, "faded"
        assert clip.id.startswith(("talk-", "deeper-memo-"))
    left = pd.read_csv(output / "left_out.csv")
    assert list(left[left.reason == "unusable"].recording) == [str(source / "broken.mp3")]

    before = contents(output)
    monkeypatch.setattr(Whisper, "listen", lambda *_: pytest.fail("heard twice"))
    run(monkeypatch, *call)
    assert contents(output) == before


def test_no_speech_no_recording_and_somebody_elses_folder(asr_model, tmp_path, monkeypatch):
    source, output = tmp_path / "recordings", tmp_path / "voice"
    source.mkdir()
    call = ["--recordings", source, "--asr", asr_model, "--output", output]
    with pytest.raises(UserError, match="no recording in"):
        run(monkeypatch, *call)
    soundfile.write(source / "silence.wav", np.zeros(60_000), 22_050)
    with pytest.raises(UserError, match="no clip could be made"):
        run(monkeypatch, *call)
    assert not output.exists()
    output.mkdir()
    (output / "diary.txt").write_text("precious")
    with pytest.raises(UserError, match=r"diary\.txt"):
        run(monkeypatch, *call)
    assert (output / "diary.txt").read_text() == "precious"
    shutil.rmtree(output)
    with pytest.raises(UserError, match="--recordings"):
        run(monkeypatch, *call[:-1], source / "out")
