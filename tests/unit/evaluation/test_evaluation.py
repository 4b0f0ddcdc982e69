"""The step evaluate on a folder of made voices: what it writes, with reasons where nothing can be measured."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import evaluate
import numpy as np
import pandas as pd
import pytest
import voices
from PIL import Image
from xtts_cloning import audio, errors
from xtts_cloning.config import ROOT
from xtts_cloning.data import metadata
from xtts_cloning.evaluation import clips
from xtts_cloning.evaluation.measure_table import MEASURES

HELD_OUT = {"T1": voices.SENTENCES[0], "T2": voices.SENTENCES[1]}
LONG = "Please leave the keys under the flower pot. She sells sea shells."
SPOKEN = {"long": ("phrase", LONG), "long_unsplit": ("probe", LONG)}
SPOKEN |= {"line01": ("line", "Nothing will be heard of this.")}
SPOKEN |= {name: ("test", text) for name, text in HELD_OUT.items()}
VOICES = {"zero_shot": ("en-gb-scotland", 20), "finetuned": ("en-us", 60)}  # finetuned: the speaker's own voice
SETTINGS = {
    "language": "en",
    "seed": 3,
    "evaluation": {
        "asr": "pocketsphinx",
        "similarity": "resemblyzer",
        "other_speaker": None,
        "bootstrap_samples": 200,
        "window_seconds": 2.0,
    },
    "compute": {"device": "cpu", "threads": 2},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """data/ and speech/ of a run; one line of zero_shot is silent."""
    root = tmp_path_factory.mktemp("run")
    (root / "data" / "wavs").mkdir(parents=True)
    for name, text in HELD_OUT.items():
        audio.write(root / "data" / "wavs" / f"{name}.wav", voices.say(text, "en-us", 60, 22050), 22050)
    rows = [(f"wavs/{name}.wav", text, "someone") for name, text in HELD_OUT.items()]
    metadata.write_mdata(root / "data" / "mdata_test.csv", pd.DataFrame(rows, columns=metadata.MDATA_COLUMNS))
    audio.write(root / "data" / "reference.wav", voices.say(voices.SENTENCES[2], "en-us", 60, 22050), 22050)
    for system, voice in VOICES.items():
        write_speech(root / "speech" / system, voice)
    audio.write(root / "speech" / "zero_shot" / "line01.wav", np.zeros(48000), 24000)
    (root / "other").mkdir()
    audio.write(root / "other" / "stranger.wav", voices.say(voices.SENTENCES[2], "en-gb-scotland", 20), voices.RATE)
    return root


def write_speech(folder, voice):
    folder.mkdir(parents=True)
    rows = []
    for name, (kind, text) in SPOKEN.items():
        audio.write(folder / f"{name}.wav", voices.say(text, *voice, rate=24000), 24000)
        stopped = "false" if name == "long_unsplit" else "true"
        rows.append({"utterance": name, "kind": kind, "text": text, "audio_file": f"{name}.wav", "stopped": stopped})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)


def only(run, folder, utterance):
    """A copy of the run in which the systems speak one utterance."""
    shutil.copytree(run, folder)
    for system in VOICES:
        manifest = folder / "speech" / system / "manifest.csv"
        rows = pd.read_csv(manifest)
        rows[rows.utterance == utterance].to_csv(manifest, index=False)
    return folder


def evaluated(run, output, monkeypatch, **changes):
    """Run the script's main function in this process."""
    settings = {**SETTINGS, **changes}
    command = ["evaluate.py", "--settings", json.dumps(settings), "--data", run / "data", "--speech"]
    command += [
        run / "speech" / "zero_shot",
        run / "speech" / "finetuned",
        "--reference",
        run / "data" / "reference.wav",
    ]
    command += ["--other-speaker", run / "other", "--metrics", output / "metrics.csv"]
    command += ["--summary", output / "summary.json", "--figures", output / "figures"]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    evaluate.main()
    return output


@pytest.fixture(scope="module")
def results(run, tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        return evaluated(run, tmp_path_factory.mktemp("results"), monkeypatch)


@pytest.fixture
def table(results):
    return pd.read_csv(results / "metrics.csv").set_index(["utterance", "system"])


@pytest.fixture
def summary(results):
    return json.loads((results / "summary.json").read_text())


def test_one_row_for_each_utterance_and_system(table):
    expected = {(name, "ground_truth") for name in HELD_OUT} | {("stranger", "other_speaker")}
    expected |= {(name, system) for name in SPOKEN for system in VOICES}
    assert set(table.index) == expected
    assert list(table.columns[-len(MEASURES) - 1 :]) == [*MEASURES, "missing"]


def test_every_empty_value_has_a_reason_and_every_reason_an_empty_value(table):
    for index, row in table.iterrows():
        reasons = "" if pd.isna(row.missing) else row.missing
        for name in MEASURES:
            assert pd.isna(row[name]) == (f"{name}: " in f"; {reasons}"), (index, name, reasons)
    silent = table.loc["line01", "zero_shot"]
    assert silent[list(MEASURES)].isna().all()
    assert "secs: silent" in silent.missing
    assert "mcd: no recording of this text" in table.loc["line01", "finetuned"].missing
    assert "mcd: this is the recording itself" in table.loc["T1", "ground_truth"].missing


def test_the_same_voice_and_words_as_the_recording_are_found_to_be_so(table):
    same = table.loc["T1", "finetuned"]
    other = table.loc["T1", "zero_shot"]
    assert same.mcd < 2 < other.mcd
    assert same.f0_rmse_cents < 100 < other.f0_rmse_cents
    assert same.voicing_error < other.voicing_error
    assert same.duration_ratio == pytest.approx(1, abs=0.01)
    assert same.secs > other.secs
    assert same.secs == pytest.approx(table.loc["T1", "ground_truth"].secs, abs=0.02)
    assert same.cer == pytest.approx(table.loc["T1", "ground_truth"].cer, abs=0.15)


def test_the_summary_names_systems_anchors_differences_and_suspects(summary, table):
    assert summary["systems"] == ["ground_truth", "zero_shot", "finetuned"]
    assert summary["anchors"]["ceiling"]["mean"] > summary["anchors"]["floor"]["mean"]
    difference = summary["paired"]["held_out"]["secs"]
    per_clip = [table.loc[name, "finetuned"].secs - table.loc[name, "zero_shot"].secs for name in HELD_OUT]
    assert difference["mean"] == pytest.approx(np.mean(per_clip), abs=1e-5)
    assert difference["n"] == difference["improved"] == 2
    assert summary["means"]["all"]["zero_shot"]["secs"]["n"] == 3  # not the silent line, not the probe
    hits = [row["utterance"] for row in summary["hallucinations"] if "hit the token limit" in row["reasons"]]
    assert hits == ["long_unsplit", "long_unsplit"]


def test_what_another_speaker_said_is_heard_as_recordings_are(run, tmp_path, monkeypatch):
    smaller = only(run, tmp_path / "run", "T1")
    shutil.rmtree(smaller / "other")
    write_speech(smaller / "other", ("en-gb-scotland", 20))
    evaluation = SETTINGS["evaluation"] | {"other_speaker": "Ana Example"}
    found = evaluated(smaller, tmp_path, monkeypatch, evaluation=evaluation)
    table = pd.read_csv(found / "metrics.csv").set_index(["system", "utterance"])
    assert len(table.loc["other_speaker"]) == len(HELD_OUT)
    floor = json.loads((found / "summary.json").read_text())["anchors"]["floor"]
    assert floor["what"].startswith("Ana Example,") and floor["n"] == len(HELD_OUT)


def test_quality_over_time_of_the_long_text_split_and_unsplit(summary, table):
    assert list(summary["windows"]) == ["long"]
    for system in VOICES:
        for way, name in (("split", "long"), ("unsplit", "long_unsplit")):
            windows = summary["windows"]["long"][system][way]
            assert windows[-1]["end"] == pytest.approx(table.loc[name, system].seconds, abs=1e-5)
            assert [window["start"] for window in windows] == [2.0 * n for n in range(len(windows))]
            assert len(windows) >= 2
            for window in windows:
                for measure in ("secs", "cer", "dnsmos_ovrl", "dnsmos_p808", "plcmos"):
                    assert (window[measure] is None) == (measure in window["missing"])
            assert sum(window["secs"] is not None for window in windows) >= 1


def test_every_clip_but_the_strangers_has_a_picture(results, table):
    index = json.loads((results / "figures" / "index.json").read_text())
    pictured = {(entry["utterance"], entry["system"]) for entry in index}
    assert pictured == set(table.index) - {("stranger", "other_speaker")}
    for entry in index:
        assert Image.open(results / "figures" / entry["file"]).format == "WEBP"
        assert entry["alt"].startswith("Spectrogram")


def test_threads_and_neighbours_change_no_byte(run, results, tmp_path, monkeypatch):
    """One process instead of two, and a run without its other texts: the rest stays as it was."""
    smaller = only(run, tmp_path / "run", "T1")
    compute = {"device": "cpu", "threads": 1}
    again = evaluated(smaller, tmp_path, monkeypatch, compute=compute)
    kept = (again / "metrics.csv").read_text().splitlines()
    assert len(kept) == 1 + 2 + 2 + 1  # the header, both recordings, T1 of both systems, the stranger
    assert set(kept) <= set((results / "metrics.csv").read_text().splitlines())
    for picture in (again / "figures").rglob("*.webp"):
        assert picture.read_bytes() == (results / picture.relative_to(again)).read_bytes()


def test_a_model_that_the_config_asks_for_must_be_given(tmp_path):
    wanted = SETTINGS["evaluation"] | {"asr": "whisper"}
    with pytest.raises(errors.UserError, match=r"evaluation.asr is whisper, .*download_measure_model.py"):
        evaluate.check_models(wanted, {"asr": tmp_path / "nowhere", "similarity": None})


def test_a_folder_without_clips_of_another_speaker_is_an_error(tmp_path):
    with pytest.raises(errors.UserError, match=r"evaluation.other_speaker: .* holds no"):
        clips.another_speakers(tmp_path, 3)
    with pytest.raises(errors.UserError, match="synthesize writes it"):
        clips.spoken(tmp_path)


def test_recordings_of_another_speaker_in_every_form_and_nothing_else(tmp_path):
    names = ["a.wav", "b.M4A", "more/c.opus", "._a.wav", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [clip.utterance for clip in clips.another_speakers(tmp_path, 9)] == ["a", "b", "c"]


def test_window_edges_leave_no_shred():
    assert clips.window_edges(12.0, 5.0) == [0, 5, 12]
    assert clips.window_edges(13.0, 5.0) == [0, 5, 10, 13]
    assert clips.window_edges(1.0, 5.0) == [0, 1]


WORKERS = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from xtts_cloning.evaluation.listening import start_worker
fork = multiprocessing.get_context("fork")
with ProcessPoolExecutor(2, fork, initializer=start_worker) as pool:
    pool.submit(time.sleep, 0).result()
    print(*pool._processes, flush=True)
    time.sleep(120)
"""


def test_workers_end_with_a_killed_parent():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "workflow" / "scripts"), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    for _ in range(100):
        if not any(alive(pid) for pid in workers):
            return
        time.sleep(0.1)
    pytest.fail("workers outlived their parent by 10 s")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_unreadable_clip_is_named(run, tmp_path, monkeypatch):
    broken = only(run, tmp_path / "run", "T1")
    (broken / "speech" / "finetuned" / "T1.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(errors.UserError, match=r"finetuned/T1\.wav"):
        evaluated(broken, tmp_path, monkeypatch)
    assert not (tmp_path / "metrics.csv").exists()
