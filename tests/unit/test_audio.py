"""Any audio file in, 16-bit mono WAV out, and the measures."""

import io

import numpy as np
import pytest
import recordings
import soundfile
from xtts_cloning import audio
from xtts_cloning.errors import UserError


def tone(seconds=1.0, rate=22050, amplitude=0.5, frequency=440):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def test_16_bit_samples_survive_reading_and_writing(tmp_path):
    integers = np.array([0, 1, -1, 2, 12345, -12345, 32766, 32767, -32767, -32768] * 100, np.int16)
    soundfile.write(tmp_path / "in.wav", integers, 22050)
    audio.write(tmp_path / "out.wav", audio.read(tmp_path / "in.wav", 22050), 22050)
    back, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert rate == 22050 and np.array_equal(back, integers)
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)


def test_writing_limits_instead_of_wrapping_round(tmp_path):
    audio.write(tmp_path / "loud.wav", np.array([1.5, -1.5, 0.0]), 8000)
    assert soundfile.read(tmp_path / "loud.wav", dtype="int16")[0].tolist() == [32767, -32768, 0]


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3", "OGG"])
@pytest.mark.parametrize("rate", [16000, 22050, 44100])
def test_every_format_comes_as_mono_at_the_rate_asked_for(form, rate):
    stereo = np.stack([tone(rate=rate), np.zeros(rate)], axis=1)
    samples = audio.read(io.BytesIO(recordings.encoded(stereo, rate, form)), 22050)
    assert samples.ndim == 1 and samples.dtype == np.float32
    assert abs(len(samples) - 22050) <= (4000 if form == "MP3" else 1)  # MP3 pads
    assert audio.level_dbfs(samples[5000:15000]) == pytest.approx(20 * np.log10(0.25 / np.sqrt(2)), abs=0.1)
    spectrum = np.abs(np.fft.rfft(samples[5000:15000]))
    assert np.fft.rfftfreq(10000, 1 / 22050)[spectrum.argmax()] == pytest.approx(440, abs=3)


def test_resampling_leaves_no_alias():
    high = tone(rate=44100, frequency=15000)  # above half of 22,050 Hz
    assert audio.level_dbfs(audio.resample(high, 44100, 22050)[1000:-1000]) < -90


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"this is not audio" * 100, "cannot be decoded"),
        (recordings.clip()[:1000], "truncated"),
        (recordings.clip()[:-2], "truncated"),
        (recordings.clip(form="FLAC")[:8000], "cannot be decoded|truncated"),
        (recordings.clip(3, form="MP3")[:4000], "truncated"),
        (recordings.clip(form="OGG")[:-2000], "truncated"),
        (recordings.encoded(np.zeros((0, 1))), "no samples"),
    ],
    ids=["empty", "no audio", "cut WAV", "cut WAV by a sample", "cut FLAC", "cut MP3", "cut OGG", "no samples"],
)
def test_what_cannot_be_decoded_whole_is_an_error_that_names_the_file(tmp_path, data, message):
    file = tmp_path / "bad.wav"
    file.write_bytes(data)
    with pytest.raises(UserError, match=f"bad.wav: .*({message})"):
        audio.read(file, 22050)


def test_samples_that_are_no_numbers_are_an_error(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan, 0.2]), 22050, subtype="FLOAT")
    with pytest.raises(UserError, match="not finite"):
        audio.read(tmp_path / "nan.wav", 22050)


def test_a_wav_of_unknown_length_as_written_by_streaming_programs_is_read():
    data = bytearray(recordings.clip())
    place = data.index(b"data")
    data[4:8] = data[place + 4 : place + 8] = b"\xff\xff\xff\xff"
    assert len(audio.read(io.BytesIO(bytes(data)), 22050)) == len(recordings.samples())


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.wav"):
        audio.read(tmp_path / "nowhere.wav", 22050)


def test_levels():
    assert audio.level_dbfs(tone()) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert audio.peak_dbfs(tone()) == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert audio.level_dbfs(np.zeros(100)) == audio.peak_dbfs(np.zeros(100)) == audio.QUIETEST_DBFS


def test_clipped_fraction():
    assert audio.clipped_fraction(tone(amplitude=0.999)) == 0
    assert audio.clipped_fraction(np.array([1.0, -1.0, 32767 / 32768, 0.5])) == 0.75


@pytest.mark.parametrize("snr", [10, 20, 40])
def test_snr_of_speech_like_bursts_in_noise(snr):
    rng = np.random.default_rng(0)
    bursts = tone(4.0) * (np.arange(4 * 22050) % 11025 < 5512)  # a tone that is on half of the time
    noise = rng.normal(size=len(bursts)) * np.sqrt(np.mean(bursts**2)) / 10 ** (snr / 20)
    assert audio.snr_db(bursts + noise, 22050) == pytest.approx(snr, abs=1)


def test_snr_at_its_limits():
    assert audio.snr_db(np.zeros(22050), 22050) == 0
    assert audio.snr_db(tone() * (np.arange(22050) < 11025), 22050) == 96
    assert audio.snr_db(np.array([0.1, -0.1]), 22050) == 0  # shorter than a frame
