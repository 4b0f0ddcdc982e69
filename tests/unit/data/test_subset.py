"""The subset: what is chosen, that it does not depend on the archive's order, and what becomes of bad input."""

import hashlib
import importlib.metadata
import importlib.util
import itertools
import json
import os
import resource
import signal
import string
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recordings
import sound_files
import soundfile
from scripts import SCRIPTS, run_script
from xtts_cloning.data import archives, metadata, subset
from xtts_cloning.errors import UserError
from xtts_cloning.model import texts


@pytest.fixture(scope="module")
def vocab(tmp_path_factory):
    return recordings.write_vocab(tmp_path_factory.mktemp("vocab"))


@pytest.fixture(scope="module")
def tokenizer(vocab):
    return texts.load_tokenizer(vocab)


@pytest.fixture
def make(tmp_path, tokenizer):
    """Makes a subset of file contents in LJSpeech layout; returns its folder."""
    numbers = itertools.count()

    def make(contents, **limits):
        number = next(numbers)
        archive = recordings.write_tar(tmp_path / f"speech-{number}.tar", contents)
        folder = tmp_path / f"subset-{number}"
        folder.mkdir()
        subset.make(archive, tokenizer, recordings.settings(**limits), folder)
        return folder

    return make


def ids(folder, *splits):
    tables = [metadata.read_mdata(folder / f"mdata_{split}.csv") for split in splits]
    return [Path(file).stem for file in pd.concat(tables).audio_file]


def reasons(folder):
    table = pd.read_csv(folder / "rejected.csv", keep_default_na=False)
    return dict(zip(table.id, table.reason, strict=True))


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def by_rank(names, seed=7):
    return sorted((Path(name).stem for name in names), key=lambda name: subset.rank(seed, name))


def ranked_first(stem, names):
    """A name that ranks before all the others, so that its clip is examined."""
    best = min(subset.rank(7, Path(name).stem) for name in names)
    return next(name for name in (f"{stem}-{n}" for n in itertools.count()) if subset.rank(7, name) < best)


def test_splits_follow_the_rank_and_the_tables_agree(make):
    clips = recordings.many(12)
    folder = make(recordings.layout(clips))
    best = by_rank(clips)
    assert set(ids(folder, "test")) == set(best[:3])
    assert set(ids(folder, "eval")) == set(best[3:5])
    assert set(ids(folder, "train")) == set(best[5:9])
    mdata = metadata.read_mdata(folder / "mdata.csv")
    assert [Path(file).stem for file in mdata.audio_file] == sorted(best[3:9])
    assert set(mdata.speaker_name) == {"someone"}
    assert sorted(path.stem for path in (folder / "wavs").glob("[!.]*")) == sorted(best[:9])
    assert reasons(folder) == dict.fromkeys(best[9:], "not_needed")
    assert sorted(path.name for path in folder.glob("[!.]*")) == [
        *("clips.csv", "mdata.csv", "mdata_eval.csv", "mdata_test.csv", "mdata_train.csv", "rejected.csv", "wavs"),
    ]


def test_measurements(make):
    folder = make(recordings.layout(recordings.many(9)))
    table = pd.read_csv(folder / "clips.csv")
    assert list(table.columns) == subset.CLIP_COLUMNS and len(table) == 9
    assert table.split.value_counts().to_dict() == {"train": 4, "test": 3, "eval": 2}
    assert (table.seconds == 0.8).all() and table.level_dbfs.between(-30, -20).all() and (table.snr_db > 20).all()
    assert (table.peak_dbfs > table.level_dbfs).all()
    assert (table.text_tokens == len("thisisclipx.") + 1 + 3).all()


def test_order_and_container_of_the_archive_change_no_byte(tmp_path, make, tokenizer):
    clips = recordings.many(20) | {f"bad-{place}.wav": recordings.clip(0.2, seed=place) for place in range(6)}
    contents = recordings.layout(clips)
    contents["speech/metadata.csv"] += b"bad-text|x|\nclip-001|x|again\n"
    contents["speech/metadata.csv"] = contents["speech/metadata.csv"].replace(
        b"bad-1|Clip 21|", b"bad-1|Clip 21|[unknown]"
    )
    names = list(contents)
    shuffled = [names[place] for place in np.random.default_rng(1).permutation(len(names))]
    made = [
        digests(make({name: contents[name] for name in order}, clips=12)) for order in (names, names[::-1], shuffled)
    ]
    assert made[0] == made[1] == made[2]
    (tmp_path / "from_folder").mkdir()
    folder = recordings.write_folder(tmp_path / "folder", contents)
    subset.make(folder, tokenizer, recordings.settings(clips=12), tmp_path / "from_folder")
    assert digests(tmp_path / "from_folder") == made[0]


def test_another_seed_chooses_other_clips(tmp_path, tokenizer):
    archive = recordings.write_tar(tmp_path / "speech.tar", recordings.layout(recordings.many(30)))
    chosen = []
    for seed in (7, 8):
        (tmp_path / str(seed)).mkdir()
        subset.make(archive, tokenizer, recordings.settings() | {"seed": seed}, tmp_path / str(seed))
        chosen.append(set(ids(tmp_path / str(seed), "train", "eval", "test")))
    assert chosen[0] != chosen[1]


def test_more_clips_keep_every_clip_in_its_split(make):
    contents = recordings.layout(recordings.many(20))
    small, large = make(contents, clips=6), make(contents, clips=14)
    for split in ("eval", "test"):
        assert ids(small, split) == ids(large, split)
    assert set(ids(small, "train")) < set(ids(large, "train"))
    assert len(ids(large, "train")) == 12


def test_more_test_clips_keep_the_test_clips(make):
    contents = recordings.layout(recordings.many(20))
    small, large = make(contents, test_clips=3), make(contents, test_clips=8)
    assert set(ids(small, "test")) < set(ids(large, "test"))


def test_a_bad_clip_is_replaced_by_the_next_and_nothing_else_moves(make):
    clips = recordings.many(15)
    before = make(recordings.layout(clips))
    best = by_rank(clips)
    clips[f"{best[6]}.wav"] = b""  # one of the training clips
    after = make(recordings.layout(clips))
    assert ids(before, "test") == ids(after, "test") and ids(before, "eval") == ids(after, "eval")
    assert set(ids(after, "train")) == set(ids(before, "train")) - {best[6]} | {best[9]}
    assert reasons(after)[best[6]] == "unreadable"


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "unreadable", "empty"),
        (recordings.clip()[:5000], "unreadable", "truncated"),
        (b"RIFF but not a WAV" * 50, "unreadable", "cannot be decoded"),
        (recordings.clip(0.4), "too_short", "0.40 s, at least 0.5 s"),
        (recordings.clip(11.7), "too_long", "11.70 s, at most 11.6 s"),
        (recordings.encoded(np.zeros(22050)), "silent", "-120.0 dBFS, at least -45.0 dBFS"),
        (recordings.clip(level=0.001), "silent", "dBFS, at least"),
        (recordings.encoded(np.sign(recordings.samples())), "clipped", "at full scale, at most 0.001"),
    ],
    ids=["empty", "truncated", "not a WAV", "short", "long", "digital silence", "quiet", "clipped"],
)
def test_a_bad_clip_is_left_out_with_its_reason(make, data, reason, detail):
    clips = recordings.many(9)
    bad = ranked_first("bad", clips)
    folder = make(recordings.layout(clips | {f"{bad}.wav": data}))
    table = pd.read_csv(folder / "rejected.csv")
    assert table[["id", "reason"]].to_numpy().tolist() == [[bad, reason]]
    assert detail in table.detail[0]


def test_every_reason_lands_in_rejected_csv(make):
    good = recordings.many(9) | {"quoted.wav": recordings.clip(seed=90)}
    long, unknown, orphan = (ranked_first(kind, good) for kind in ("long", "unknown", "orphan"))
    clips = good | {f"{name}.wav": recordings.clip(seed=91) for name in (long, unknown, orphan)}
    table = recordings.layout(recordings.many(9))["speech/metadata.csv"].decode()
    table += f'{long}|x|{"a" * 60}\n{unknown}|x|naïve\ngone|x|Good.\nquoted|x|"Yes," she said\r\n'
    table += "two|columns\nfour|x|y|z\nempty|x|\ntwice|x|a\ntwice|x|b\n"
    folder = make(recordings.layout(clips, table.encode()), clips=7)
    assert reasons(folder) == {
        orphan: "not_in_metadata",
        long: "text_too_long",
        unknown: "unknown_characters",
        "gone": "not_in_archive",
        "two": "wrong_columns",
        "four": "wrong_columns",
        "empty": "empty_text",
        "twice": "duplicate_id",
    }
    texts_by_file = metadata.read_mdata(folder / "mdata.csv").set_index("audio_file").text
    if "quoted" not in ids(folder, "test"):
        assert texts_by_file["wavs/quoted.wav"] == '"Yes," she said'


def test_files_in_wavs_that_are_no_clips_are_listed_with_what_is_wrong(make):
    contents = recordings.layout(recordings.many(9))
    contents["speech/metadata.csv"] += b"old|x|A.\nnested|x|B.\nmac|x|C.\ngone|x|D.\n"
    files = ["old.wma", "more/nested.wav", "._mac.m4a", "._clip-000.wav", "clip-001.lab", "README"]
    folder = make(contents | {f"speech/wavs/{name}": b"" for name in files})
    table = pd.read_csv(folder / "rejected.csv").set_index("id")
    assert table.reason.to_dict() == {
        **dict.fromkeys(["old", "nested", "mac", "._clip-000.wav", "clip-001.lab", "README"], "not_read"),
        "gone": "not_in_archive",
    }
    assert table.detail["old"].startswith("wavs/old.wma has none of the suffixes .wav")
    assert table.detail["nested"] == "wavs/more/nested.wav lies in a folder inside wavs/"
    assert table.detail["mac"].startswith("wavs/._mac.m4a is a hidden file")
    assert table.detail["._clip-000.wav"].startswith("wavs/._clip-000.wav is a hidden file")
    assert sorted(ids(folder, "train", "eval", "test")) == [f"clip-00{place}" for place in range(9)]


def test_channels_that_cancel_when_mixed_down_are_silent(make):
    clips = recordings.many(9)
    bad = ranked_first("cancelled", clips)
    mono = recordings.samples()
    folder = make(recordings.layout(clips | {f"{bad}.wav": recordings.encoded(np.stack([mono, -mono], axis=1))}))
    assert reasons(folder) == {bad: "silent"}


@pytest.mark.parametrize("name", ["voice.m4a", "voice.aac", "voice.opus", "voice.aiff", "voice.webm", "film.mp4"])
def test_what_phones_and_browsers_record_becomes_22050_mono(make, name):
    """The upper case of a suffix too; the film's picture is left out."""
    data = sound_files.made(name)
    clips = {f"clip-{place}{Path(name).suffix.upper()}": data for place in range(9)}
    folder = make(recordings.layout(clips))
    for file in (folder / "wavs").iterdir():
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (22050, 1, "WAV", "PCM_16")
        assert info.duration == pytest.approx(sound_files.SECONDS, abs=0.1)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3", "OGG"])
def test_formats_channels_and_rates_become_22050_mono(make, form):
    clips = {
        f"clip-{place}.{form.lower()}": recordings.clip(seed=place, rate=44100, channels=2, form=form)
        for place in range(9)
    }
    folder = make(recordings.layout(clips))
    for file in (folder / "wavs").glob("[!.]*"):
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (22050, 1, "WAV", "PCM_16")
        assert info.duration == pytest.approx(0.8, abs=0.1)


def test_a_22050_mono_wav_keeps_its_samples(make):
    clips = recordings.many(9)
    folder = make(recordings.layout(clips))
    for name, data in clips.items():
        original, _ = soundfile.read(recordings.io.BytesIO(data), dtype="int16")
        kept, _ = soundfile.read(folder / "wavs" / name, dtype="int16")
        assert np.array_equal(original, kept)


def test_too_few_good_clips_counts_the_reasons(make):
    clips = recordings.many(5) | {f"short-{place}.wav": recordings.clip(0.1) for place in range(3)}
    contents = recordings.layout(clips)
    contents["speech/metadata.csv"] += b"gone|x|no clip\n"
    with pytest.raises(UserError) as caught:
        make(contents)
    message = str(caught.value)
    assert "5 good clips, but subset.clips + subset.test_clips is 6 + 3" in message
    assert "3 too_short, such as 'short-0': 0.10 s, at least 0.5 s" in message and "1 not_in_archive" in message


def test_ids_that_match_no_clip(make):
    contents = recordings.layout(recordings.many(9), b"clip-000.wav|x|with a suffix\n")
    with pytest.raises(
        UserError, match=r"0 good clips(.|\n)*9 not_in_metadata(.|\n)*1 not_in_archive, such as 'clip-000.wav'"
    ):
        make(contents)


@pytest.mark.parametrize("written", ["{}.wav", '"{}"', "wavs\\{}.wav", "'{}.wav'"])
def test_an_id_that_means_a_clip_is_told_what_it_should_be(make, written):
    contents = recordings.many(12)
    names = [Path(name).stem for name in contents]
    rows = "".join(f"{written.format(name)}|x|This is clip {name[-1:]}.\n" for name in names)
    with pytest.raises(UserError, match=r"12 not_in_archive.*but there is 'clip-0\d\d': an id is the file's name"):
        make(recordings.layout(contents, rows.encode()))


def test_names_that_a_mac_has_decomposed_are_those_of_the_table(tmp_path, make):
    names = [f"gr\u00f6\u00dfe-{letter}" for letter in "abcdefghijkl"]
    metadata_csv = "".join(f"{name}|x|This is clip {name[-1]}.\n" for name in names).encode()
    clips = {f"{unicodedata.normalize('NFD', name)}.wav": recordings.clip(seed=n) for n, name in enumerate(names)}
    folder = make(recordings.layout(clips, metadata_csv))
    assert set(ids(folder, "train", "eval", "test")) < set(names)
    plain = make(
        recordings.layout({unicodedata.normalize("NFC", name): data for name, data in clips.items()}, metadata_csv)
    )
    assert digests(folder) == digests(plain)


def test_a_text_that_cannot_be_said_is_its_rows_rejection(make):
    clips = recordings.many(12)
    contents, number = recordings.layout(clips), "7" * 400  # more than num2words has names for
    long, quote = ranked_first("long", clips), ranked_first("quote", clips)
    contents["speech/metadata.csv"] += f'{long}|x|Call {number} now.\n{quote}|x|"\n'.encode()
    contents |= {f"speech/wavs/{name}.wav": recordings.clip(seed=99) for name in (long, quote)}
    table = pd.read_csv(make(contents) / "rejected.csv", index_col="id")
    assert table.reason[long] == "unspeakable" and table.reason[quote] == "empty_text"
    assert table.detail[long].startswith(f"'{number[:60]}...' cannot be said (OverflowError)")


def test_rows_of_nothing_but_punctuation_are_empty_in_chinese(tmp_path, hub_files):
    rows = b"".join(b"clip-%03d|x|%s\n" % (n, "\u2026\u2026\u3002\uff01\uff1f"[: 2 + n].encode()) for n in range(4))
    archive = recordings.write_tar(tmp_path / "speech.tar", recordings.layout(recordings.many(4), rows))
    real = texts.load_tokenizer(hub_files / "vocab.json")
    with pytest.raises(UserError, match="4 empty_text, such as 'clip-000': nothing to say in"):
        subset.make(archive, real, {**recordings.settings(clips=2, eval_clips=1), "language": "zh-cn"}, tmp_path)


def test_more_eval_clips_than_clips(make):
    with pytest.raises(UserError, match=r"subset.eval_clips is 6 and subset.clips 6"):
        make(recordings.layout(recordings.many(9)), eval_clips=6)


def test_second_reading_only_if_the_table_came_last_and_many_texts_are_bad(make, capsys):
    clips = recordings.many(100)
    contents = recordings.layout(clips)
    bad = set(by_rank(clips)[:80])  # more than the margin of 9 // 4 + 50
    stems = [Path(name).stem for name in clips]
    rows = [f"{stem}|x|{'[bad]' if stem in bad else 'Good'} {stem}.\n" for stem in stems]
    contents["speech/metadata.csv"] = "".join(rows).encode()
    first = make(contents)
    assert "reading the archive once more" not in capsys.readouterr().err
    last = make(dict(reversed(contents.items())))
    assert "reading the archive once more" in capsys.readouterr().err
    assert digests(first) == digests(last)
    assert set(ids(first, "train", "eval", "test")) == set(by_rank(clips)[80:89])


def test_a_transcript_that_the_library_cannot_read_back(make):
    contents = recordings.layout(recordings.many(9))
    contents["speech/metadata.csv"] = contents["speech/metadata.csv"].replace(b"This is clip d.", b"null")
    with pytest.raises(UserError, match=r"null.*does not survive"):
        make(contents)


def run(vocab, archive, output, settings=None, **options):
    return run_script("subset.py", *arguments(vocab, archive, output, settings), **options)


def arguments(vocab, archive, output, settings=None):
    settings = json.dumps(settings or recordings.settings())
    config = vocab.parent / "config.json"
    return "--settings", settings, "--archive", archive, "--vocab", vocab, "--model-config", config, "--output", output


def test_script_twice_gives_the_same_bytes_and_replaces_what_was_there(tmp_path, vocab):
    archive = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout(recordings.many(12)))
    output = tmp_path / "data" / "someone"
    done = run(vocab, archive, output)
    assert "6 clips of 0.1 minutes to learn from, 3 held out" in done.stdout and "reading archive" in done.stderr
    first = digests(output)
    assert len(first) == 6 + 9
    (output / "reference.wav").write_bytes(b"another step's")
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = output / f".scratch.{dead.pid}.partial"
    left.mkdir()
    (left / "left").write_bytes(b"by a killed run")
    run(vocab, archive, output)
    assert digests(output) == first | {"reference.wav": hashlib.sha256(b"another step's").hexdigest()}
    assert not left.exists() and (output / ".mdata.csv.made").exists() and (output / "wavs" / ".made").exists()


def test_script_explains_bad_input_without_traceback_and_keeps_what_was_good(tmp_path, vocab):
    archive = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout(recordings.many(12)))
    output = tmp_path / "data"
    run(vocab, archive, output)
    before = digests(output)
    os.truncate(archive, archive.stat().st_size // 2)
    failed = run(vocab, archive, output, check=False)
    assert failed.returncode == 1 and "truncated or damaged" in failed.stderr and "Traceback" not in failed.stderr
    failed = run(vocab, archive, output, recordings.settings() | {"language": "xx"}, check=False)
    assert failed.returncode == 1 and "'xx' is not one that the model speaks" in failed.stderr
    assert digests(output) == before


def test_full_disk_is_a_clear_error_and_leaves_nothing_half_written(tmp_path, vocab):
    archive = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout(recordings.many(12)))
    output = tmp_path / "data"
    run(vocab, archive, output)
    before = digests(output)

    def full_disk():  # a file may grow to 10 kB, a clip needs 35 kB
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    failed = run(vocab, archive, output, recordings.settings(clips=7), check=False, preexec_fn=full_disk)
    assert failed.returncode == 1, failed.stderr
    assert "error: no space left to write" in failed.stderr and "Traceback" not in failed.stderr
    assert digests(output) == before


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_stopped_midway_the_same_command_goes_on(tmp_path, vocab, stop):
    output = tmp_path / "data"
    archive = recordings.write_tar(tmp_path / "speech.tar", recordings.layout(recordings.many(12)))
    run(vocab, archive, output)
    before = digests(output)
    blocked = tmp_path / "blocked.tar"  # nobody writes to it, so that the stop always comes midway
    os.mkfifo(blocked)
    command = [sys.executable, SCRIPTS / "subset.py", *map(str, arguments(vocab, blocked, output))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while not list(output.glob(".*.partial/spool")):
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(stop)
    _, error = process.communicate(timeout=30)
    assert process.returncode == (-9 if stop == signal.SIGKILL else 130), error
    assert digests(output).items() >= before.items()  # what was good is still there
    run(vocab, archive, output)
    assert digests(output) == before


def test_a_second_copy_waits_for_the_first(tmp_path, vocab):
    archive = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout(recordings.many(12)))
    output = tmp_path / "data"
    command = [sys.executable, SCRIPTS / "subset.py", *map(str, arguments(vocab, archive, output))]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert len(ids(output, "train", "eval", "test")) == 9


def test_real_recordings(tmp_path, ljspeech_archive, hub_files):
    settings = recordings.settings(clips=160, eval_clips=16, test_clips=20, min_seconds=1.0, max_text_tokens=200)
    run(hub_files / "vocab.json", ljspeech_archive, tmp_path / "data", settings)
    clips = pd.read_csv(tmp_path / "data" / "clips.csv")
    assert clips.split.value_counts().to_dict() == {"train": 144, "test": 20, "eval": 16}
    assert (
        clips.seconds.between(1, 10.2).all() and clips.level_dbfs.between(-30, -15).all() and (clips.snr_db > 15).all()
    )
    found = pd.read_csv(tmp_path / "data" / "rejected.csv").reason.value_counts()
    assert found.sum() == 13_100 - 180
    if found["not_in_archive"] == 12_914:  # the extract LJ001
        assert found.to_dict() == {"not_in_archive": 12_914, "not_needed": 6}


@pytest.fixture(scope="module")
def real_table(ljspeech_archive):
    """The real metadata.csv."""
    for member in archives.members(ljspeech_archive):
        if member.utterance is None:
            return member.read()


def test_all_real_rows_go_through_the_librarys_own_formatter(tmp_path, real_table):
    # By its file, without the 20 s of the library's package tree.
    path = importlib.metadata.distribution("TTS").locate_file("TTS/tts/datasets/formatters.py")
    spec = importlib.util.spec_from_file_location("formatters", path)
    formatters = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(formatters)
    transcripts, problems = metadata.parse_ljspeech(real_table, "metadata.csv")
    assert len(transcripts) == 13_100 and not problems
    frame = pd.DataFrame(
        {
            "audio_file": [f"wavs/{utterance}.wav" for utterance in transcripts],
            "text": transcripts.values(),
            "speaker_name": "LJ",
        }
    )
    (tmp_path / "wavs").mkdir()
    for file in frame.audio_file:
        (tmp_path / file).touch()
    metadata.write_mdata(tmp_path / "mdata.csv", frame)
    items = formatters.coqui(str(tmp_path), "mdata.csv")
    assert len(items) == 13_100
    assert [item["text"] for item in items] == frame.text.tolist()
    assert [item["audio_file"] for item in items] == [str(tmp_path / file) for file in frame.audio_file]
    assert metadata.read_mdata(tmp_path / "mdata.csv").equals(frame)


def test_real_vocabulary_leaves_out_the_seven_rows_that_it_does_not_know(real_table, hub_files):
    known = set(string.ascii_letters + " '\",.-;:!?()")  # to encode only the hundreds of rows that hold more than these
    transcripts, _ = metadata.parse_ljspeech(real_table, "metadata.csv")
    tokenizer = texts.load_tokenizer(hub_files / "vocab.json")
    found = [
        utterance
        for utterance, text in transcripts.items()
        if not set(text) <= known and texts.rejection(tokenizer, text, "en", 200)
    ]
    assert found == [
        *("LJ033-0069", "LJ035-0015", "LJ035-0045", "LJ035-0048", "LJ036-0032", "LJ036-0141", "LJ039-0230"),
    ]
