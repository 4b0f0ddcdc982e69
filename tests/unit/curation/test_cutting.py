"""Recordings of any format are decoded in blocks, and cut in pauses only."""

import shutil
import subprocess
import sys
from itertools import pairwise

import av
import numpy as np
import pytest
import soundfile
import truth
from xtts_cloning.curation import decoding, pauses, recordings
from xtts_cloning.errors import UserError

RATE = decoding.RATE


@pytest.fixture(scope="module")
def track(ljspeech_archive) -> truth.Track:
    """Two minutes of one person with pauses of 0.2 to 1.5 s."""
    return truth.strung([("lj", text, samples) for text, samples in truth.ljspeech(ljspeech_archive, 18)])


def decoded(path, tmp_path) -> np.ndarray:
    decoding.decode(path, tmp_path / "samples.pcm")
    return decoding.samples(tmp_path / "samples.pcm")


def encode(path, samples: np.ndarray, codec: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def test_no_word_of_a_real_recording_is_cut_at_the_ends_of_its_sentences(track, tmp_path):
    soundfile.write(tmp_path / "a.wav", track.samples, RATE)
    pcm = decoded(tmp_path / "a.wav", tmp_path)
    spans = pauses.spans(pcm, min_pause_seconds=0.3)
    assert len(spans) >= 18
    for said in track.said:
        touched = [span for span in spans if span.end > said.start * RATE and span.start < said.end * RATE]
        assert touched[0].cut_start <= said.start * RATE and touched[-1].cut_end >= said.end * RATE
    for one, other in pairwise(spans):
        assert one.cut_end <= other.cut_start and other.start - one.end >= 0.29 * RATE
        for kept in (one.cut_end - one.end, other.start - other.cut_start):
            assert 0.09 * RATE <= kept <= 0.151 * RATE
    clip = pauses.clip(pcm, spans[0], spans[1])
    assert clip[0] == clip[-1] == 0 and len(clip) == spans[1].cut_end - spans[0].cut_start


@pytest.mark.parametrize(("suffix", "codec"), [("m4a", "aac"), ("mp3", "libmp3lame")])
def test_compressed_recordings_are_cut_in_the_same_pauses(track, tmp_path, suffix, codec):
    encode(tmp_path / f"a.{suffix}", track.samples, codec)
    spans = pauses.spans(decoded(tmp_path / f"a.{suffix}", tmp_path), min_pause_seconds=0.3)
    late = 0.05  # seconds that an encoder may put before the sound
    for said in track.said:
        touched = [span for span in spans if span.end > said.start * RATE and span.start < said.end * RATE]
        assert touched[0].cut_start <= (said.start + late) * RATE and touched[-1].cut_end >= said.end * RATE


@pytest.mark.parametrize("kind", ["silence", "noise", "hum"])
def test_nothing_but_speech_is_speech(kind):
    time, generator = np.arange(20 * RATE) / RATE, np.random.default_rng(0)
    made = {"silence": 0 * time, "noise": generator.normal(0, 0.1, len(time)), "hum": 0.2 * np.sin(314 * time)}
    assert pauses.spans((made[kind] * 32767).astype(np.int16), 0.3) == []


def test_samples_come_through_unchanged_and_stereo_is_averaged(tmp_path):
    mono = np.random.default_rng(0).integers(-3000, 3000, RATE, dtype=np.int16)
    soundfile.write(tmp_path / "mono.wav", mono, RATE)
    assert np.array_equal(decoded(tmp_path / "mono.wav", tmp_path), mono)
    soundfile.write(tmp_path / "stereo.flac", np.stack([mono * 2, mono * 0], axis=1), RATE)
    assert np.array_equal(decoded(tmp_path / "stereo.flac", tmp_path), mono)


def test_memory_does_not_grow_with_the_length(tmp_path):
    hour = np.random.default_rng(0).integers(-3000, 3000, 48_000 * 60, dtype=np.int16)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 48_000, 1) as file:
        for _ in range(30):
            file.write(hour)
    code = (
        "import resource, sys; from pathlib import Path; from xtts_cloning.curation import decoding\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "decoding.decode(Path(sys.argv[1]), Path(sys.argv[1] + '.pcm'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "long.wav")]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True,
                               env={"PYTHONPATH": ":".join(sys.path)}).stdout)  # fmt: skip
    assert grown < 60_000, f"{grown} kB for a recording of {30 * 60 * 48_000 * 2 // 1000} kB"


def film(path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def cut(path) -> None:
    soundfile.write(path, np.zeros(RATE, np.int16), RATE)
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("film.mp4", film, "no sound, only video"),
        ("empty.wav", lambda path: path.touch(), "empty"),
        ("text.mp3", lambda path: path.write_text("no sound " * 100), "cannot be decoded"),
        ("cut.wav", cut, "truncated"),
    ],
)
def test_what_cannot_be_heard_whole_is_refused_by_name(tmp_path, name, make, reason):
    make(tmp_path / name)
    with pytest.raises(UserError, match=reason) as error:
        decoded(tmp_path / name, tmp_path)
    assert name in str(error.value) and not (tmp_path / "samples.pcm").exists()


def test_recordings_are_found_at_any_depth_with_their_scripts(tmp_path):
    for name in ("b/Talk 1.MP3", "b/Talk 1.txt", "a.wav", ".hidden/c.wav", "notes.pdf", "corrections.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = recordings.find(tmp_path)
    assert [(item.name, item.script and item.script.name) for item in found] == [
        ("a", None),
        ("b-Talk-1", "Talk 1.txt"),
    ]
    (tmp_path / "b" / "Talk-1.wav").touch()
    with pytest.raises(UserError, match="rename one"):
        recordings.find(tmp_path)
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "a.wav").unlink()
    with pytest.raises(UserError, match="no recording"):
        recordings.find(tmp_path)
