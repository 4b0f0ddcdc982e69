"""Every form of sound file is read whole or refused, whatever was done to it."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import sound_files
import soundfile
from xtts_cloning import audio, mp3_frames
from xtts_cloning.errors import UserError

# Nothing tells that a whole frame is missing at the end of these.
WITHOUT_LENGTH = {"constant.mp3", "variable.mp3", "voice.aac"}
# A header, a table of contents or a pad byte behind the sound may be missing.
SOUND_ENDS_BEFORE_THE_FILE = {"gsm.wav", "fragments.mp4", "voice.caf"}


def decode(data):
    return audio.decode(bytes(data), "clip")


@pytest.mark.parametrize("name", sound_files.FORMS)
def test_every_form_comes_whole_as_mono(name):
    samples, rate = decode(sound_files.made(name))
    assert samples.ndim == 1 and samples.dtype == np.float32
    assert len(samples) / rate == pytest.approx(sound_files.SECONDS, abs=0.04)  # codecs pad with less than 2048 samples
    spectrum = np.abs(np.fft.rfft(samples[: rate // 2]))
    assert np.fft.rfftfreq(rate // 2, 1 / rate)[spectrum.argmax()] == 440
    assert audio.level_dbfs(samples[rate // 8 : rate // 2]) == pytest.approx(20 * np.log10(0.35 / np.sqrt(2)), abs=0.5)
    later = slice(round(0.8 * rate), round(1.4 * rate))
    assert audio.snr_db(samples[later], rate) < 20, "the second half is noisy"


@pytest.mark.parametrize("name", ["voice.m4a", "variable.mp3", "voice.webm", "film.mp4", "sound.flac"])
def test_a_file_is_resampled_after_decoding(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(sound_files.made(name))
    assert len(audio.read(path, 22050)) / 22050 == pytest.approx(sound_files.SECONDS, abs=0.04)


@pytest.mark.parametrize("name", sound_files.FORMS)
def test_a_cut_file_is_refused(name):
    """At places all over the file and at each of its last bytes."""
    data = sound_files.made(name)
    whole = len(decode(data)[0])
    for place in [*np.linspace(1, len(data) - 1, 40, dtype=int), *range(len(data) - 24, len(data))]:
        try:
            samples, _ = decode(data[:place])
        except UserError:
            continue
        if name in SOUND_ENDS_BEFORE_THE_FILE:
            assert len(samples) == whole and place > 0.9 * len(data), place
        else:
            assert name in WITHOUT_LENGTH and frame_ends_at(name, data, place), place


def frame_ends_at(name, data, place):
    if place == len(data):
        return True
    rest = data[place:]
    return rest[0] == 0xFF and rest[1] & 0xF0 == 0xF0 if name == "voice.aac" else rest[:2] == data[:2]


@pytest.mark.parametrize("name", sound_files.FORMS)
def test_damaged_bytes_give_samples_or_a_clear_error(name, capfd):
    random = np.random.default_rng(len(name))
    data = sound_files.made(name)
    for trial in range(60):
        damaged = bytearray(data)
        reach = len(data) if trial % 2 else min(len(data), 300)  # every other time the header
        for place in random.integers(reach, size=random.choice([1, 3, 30])):
            damaged[place] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
        try:
            samples, rate = decode(damaged)
        except UserError as error:
            assert str(error).startswith("clip: ") and "\n" not in str(error)
        else:
            assert samples.ndim == 1 and samples.dtype == np.float32 and np.isfinite(samples).all() and rate >= 1000
    assert "Traceback" not in capfd.readouterr().err


def wav(frames=8000, riff=None, size=None, behind=b"", before=b"", sizes_of="<"):
    """A WAV of 8000 Hz, 16 bit, mono, with these lengths in its headers."""
    pcm = (sound_files.samples(frames / 8000, 8000) * 32767).astype(sizes_of + "i2").tobytes()
    size = len(pcm) if size is None else size
    riff = 36 + len(before) + len(pcm) + len(behind) if riff is None else riff
    form = struct.pack(sizes_of + "4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    names = b"RIFF" if sizes_of == "<" else b"RIFX"
    header = names + struct.pack(sizes_of + "I", riff) + b"WAVE" + form + before
    return header + b"data" + struct.pack(sizes_of + "I", size) + pcm + behind


PIPES = [0x7F000000, 0x7FFFEFFF, 0x7FFFF000, 0x7FFFF024, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF, 0]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("size", PIPES, ids=hex)
@pytest.mark.parametrize("riff", [0, 36, 0x7FFFF024, 0x80000024, 0xFFFFFFFF, None])
def test_a_wav_from_a_pipe_goes_to_its_end(size, riff, order):
    samples, rate = decode(wav(riff=riff, size=size, sizes_of=order))
    assert rate == 8000 and len(samples) == 8000


@pytest.mark.parametrize("more", [8, 36, 44, -8, -36, 1000, 10**6])
def test_only_the_length_of_the_samples_of_a_wav_matters(more):
    assert len(decode(wav(riff=36 + 16000 + more))[0]) == 8000


@pytest.mark.parametrize("missing", [1, 2, 8, 36, 5000, 10**6, 2 * 10**9])
def test_a_wav_that_lacks_samples_is_truncated(missing):
    with pytest.raises(UserError, match=f"truncated, the file ends {missing} bytes before the audio"):
        decode(wav(size=16000 + missing))


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


@pytest.mark.parametrize(
    "behind",
    [chunk(b"LIST", b"x" * 9000), chunk(b"id3 ", b"x" * 9000)[:5000], b"TAG" + b"x" * 125, bytes(100_000), b"\n"],
    ids=["list", "cut picture", "tag", "zeros", "line end"],
)
def test_what_follows_the_samples_of_a_wav_does_not_matter(behind):
    assert len(decode(wav(behind=behind))[0]) == 8000


def test_a_chunk_of_odd_length_before_the_samples():
    before = chunk(b"LIST", b"INFO.")
    assert len(decode(wav(before=before))[0]) == 8000
    with pytest.raises(UserError, match="truncated"):
        decode(wav(before=before)[:-2])


def test_an_empty_wav_with_a_list_behind_holds_no_samples():
    with pytest.raises(UserError, match="holds no samples"):
        decode(wav(frames=0, behind=chunk(b"LIST", b"INFO" * 3000)))


@pytest.mark.parametrize("behind", [wav(), wav()[44:]], ids=["another file", "more samples"])
def test_a_wav_that_goes_on_behind_its_stated_length_is_refused(behind):
    with pytest.raises(UserError, match=r"goes on for \d+ bytes after"):
        decode(wav() + behind)


@pytest.mark.parametrize("size", [0x7F000000, 0x80000000, 0xFFFFFFFF])
def test_an_aiff_from_a_pipe_goes_to_its_end(size):
    data = bytearray(sound_files.made("voice.aiff"))
    place = data.index(b"SSND") + 4
    data[4:8] = data[place : place + 4] = size.to_bytes(4, "big")
    assert len(decode(data)[0]) == len(sound_files.samples())


@pytest.mark.parametrize("name", ["vorbis.ogg", "flac.ogg", "voice.opus", "sound.flac", "pipe.flac", "voice.aac"])
def test_joined_files_are_read_to_the_end(name):
    data = sound_files.made(name)
    assert len(decode(data + data)[0]) == pytest.approx(2 * len(decode(data)[0]), abs=256)  # Vorbis overlaps


@pytest.mark.parametrize("name", ["voice.aiff", "voice.caf", "sound.w64", "sound.au", "adpcm.wav", "voice.m4a"])
def test_joined_files_of_which_only_the_first_would_be_read_are_refused(name):
    with pytest.raises(UserError, match="joined"):
        decode(sound_files.made(name) * 2)


@pytest.mark.parametrize("variable", [True, False])
def test_an_mp3_without_a_count_of_its_frames_is_read_whole(variable):
    seconds = 5.0
    samples, rate = decode(sound_files.mp3(xing=False, variable=variable, seconds=seconds))
    assert seconds <= len(samples) / rate < seconds + 0.06
    expected = sound_files.samples(seconds)
    assert audio.level_dbfs(samples[-rate:]) == pytest.approx(audio.level_dbfs(expected[-rate:]), abs=1)


def test_an_mp3_with_a_count_is_cut_to_the_sample_and_compared_with_it():
    data = sound_files.made("counted.mp3")
    assert len(decode(data)[0]) == len(sound_files.samples())
    ends = [0]
    while ends[-1] < len(data):
        ends.append(ends[-1] + mp3_frames.frame_bytes(data[ends[-1] : ends[-1] + 4]))
    for place in (ends[-2], ends[-9]):
        with pytest.raises(UserError, match=r"truncated, \d+ of the \d+ MP3 frames"):
            decode(data[:place])


ID3 = b"ID3\x04\0\0\0\0\x10\x00" + b"x" * 2048
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 100, 1, 1 << 31) + bytes(8) + b"y" * 100
TAG = b"TAG" + b"z" * 125


@pytest.mark.parametrize("name", ["constant.mp3", "variable.mp3", "counted.mp3", "voice.aac", "sound.flac"])
def test_tags_before_and_behind_do_not_matter(name):
    data = sound_files.made(name)
    expected, _ = decode(data)
    for tagged in (ID3 + data, ID3 + ID3 + data + TAG, data + APE + TAG, data + bytes(10_000)):
        assert np.array_equal(decode(tagged)[0], expected)


def test_joined_mp3s_with_tags_between_are_read_to_the_end():
    data = sound_files.made("variable.mp3")
    assert len(decode(ID3 + data + TAG + ID3 + data + TAG)[0]) == 2 * len(decode(data)[0])


@pytest.mark.parametrize("name", ["constant.mp3", "variable.mp3", "counted.mp3"])
def test_an_mp3_with_a_hole_is_refused(name):
    data = sound_files.made(name)
    with pytest.raises(UserError, match=r"damaged|truncated"):
        decode(data[: len(data) // 2] + data[len(data) // 2 + 1000 :])


def test_a_float_wav_whose_peak_chunk_is_of_another_channel_count():
    pcm = sound_files.samples().tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 2, 48000, 384_000, 8, 32)
    peak = chunk(b"PEAK", struct.pack("<IIfI", 1, 0, 1.0, 3))
    data = b"RIFF" + struct.pack("<I", 1000) + b"WAVE" + form + peak + chunk(b"data", pcm)
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.SoundFile(io.BytesIO(data))
    assert len(decode(data)[0]) == len(sound_files.samples()) // 2


@pytest.mark.parametrize("opposite", [True, False])
@pytest.mark.parametrize(("form", "subtype"), [("WAV", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")])
def test_channels_of_opposite_sign_are_silence(opposite, form, subtype):
    """What the codec leaves of them is none of the recording; a channel that holds nothing only halves the other."""
    mono, file = sound_files.samples(), io.BytesIO()
    stereo = np.stack([mono, -mono if opposite else np.zeros_like(mono)], axis=1)
    soundfile.write(file, stereo, sound_files.RATE, format=form, subtype=subtype)
    samples, _ = decode(file.getvalue())
    expected = audio.QUIETEST_DBFS if opposite else audio.level_dbfs(mono / 2)
    assert audio.level_dbfs(samples) == pytest.approx(expected, abs=0.5)


def test_a_film_without_sound_is_refused():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        film = output.add_stream("mpeg4", rate=10)
        film.width = film.height = 64
        film.pix_fmt = "yuv420p"
        for _ in range(20):
            output.mux(film.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(film.encode(None))
    with pytest.raises(UserError, match="holds no sound, only video"):
        decode(file.getvalue())


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{path}\n", "ffconcat version 1.0\nfile {path}\n"])
def test_a_list_of_files_opens_none_of_them(tmp_path, text):
    path = tmp_path / "secret.wav"
    path.write_bytes(sound_files.made("sound.wav"))
    with pytest.raises(UserError, match="cannot be decoded as audio"):
        decode(text.format(path=path).encode())


def test_a_sampling_rate_that_only_damage_explains_is_refused():
    data = bytearray(wav())
    data[24:28] = (5).to_bytes(4, "little")
    with pytest.raises(UserError, match="sampling rate of 5 Hz"):
        decode(data)


@pytest.mark.parametrize("name", ["a.wav", "A.WAV", "b.m4a", "c.Opus", "d.AIFF", "e.webm", "f.mkv"])
def test_names_of_recordings(name):
    assert audio.is_recording(Path(name))


@pytest.mark.parametrize("name", ["._a.wav", ".a.wav", "a.txt", "wav", "a.wav.part", ".wav"])
def test_names_of_other_files(name):
    assert not audio.is_recording(Path(name))
