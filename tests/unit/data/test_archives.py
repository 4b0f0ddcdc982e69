"""One pass over archives and folders, and what is refused."""

import hashlib
import os
import tarfile

import pytest
import recordings
from xtts_cloning import audio
from xtts_cloning.data import archives
from xtts_cloning.errors import UserError

CLIPS = {"a.wav": b"first clip", "b.flac": b"second", "c.MP3": b"third", "d.ogg": b"fourth"}
SUFFIXES = {None: "", "a": ".wav", "b": ".flac", "c": ".mp3", "d": ".ogg"}
OTHER_FILES = {
    "speech/README": b"about",
    "speech/wavs/._a.wav": b"macOS",
    "speech/wavs/notes.txt": b"",
    "speech/x.wav": b"",
    "speech/wavs/more/y.wav": b"",
    "speech/wavs/z.wma": b"",
}
NO_CLIPS = {
    "._a": "wavs/._a.wav is a hidden file",
    "notes": "wavs/notes.txt has none of the suffixes .wav .flac ",
    "x": "x.wav lies outside wavs/",
    "y": "wavs/more/y.wav lies in a folder inside wavs/",
    "z": "wavs/z.wma has none of the suffixes",
}


def read_all(path):
    members = (member for member in archives.members(path) if not member.problem)
    return {member.utterance: (member.suffix, member.read()) for member in members}


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2"])
@pytest.mark.parametrize("metadata_first", [True, False])
def test_every_clip_and_the_table_of_an_archive_in_any_order(tmp_path, suffix, metadata_first):
    contents = recordings.layout(CLIPS, b"the table") | OTHER_FILES
    names = list(contents) if metadata_first else list(contents)[::-1]
    path = recordings.write_tar(tmp_path / f"speech{suffix}", {name: contents[name] for name in names})
    found = read_all(path)
    assert found.pop(None) == ("", b"the table")
    assert found == {name.split(".")[0]: (SUFFIXES[name.split(".")[0]], data) for name, data in CLIPS.items()}


@pytest.mark.parametrize("suffix", audio.SUFFIXES)
def test_every_suffix_of_a_recording_in_any_case(tmp_path, suffix):
    contents = recordings.layout({f"a{suffix}": b"one", f"b{suffix.upper()}": b"two"}, b"the table")
    found = read_all(recordings.write_tar(tmp_path / "speech.tar", contents))
    assert found["a"] == (suffix, b"one") and found["b"] == (suffix, b"two")


@pytest.mark.parametrize("write", [recordings.write_folder, recordings.write_tar])
def test_files_that_may_be_taken_for_clips_come_with_what_is_wrong_with_them(tmp_path, write):
    path = write(tmp_path / "speech.tar", recordings.layout(CLIPS, b"the table") | OTHER_FILES)
    problems = {member.utterance: member.problem for member in archives.members(path) if member.problem}
    assert problems.keys() == NO_CLIPS.keys()
    assert all(problem.startswith(NO_CLIPS[utterance]) for utterance, problem in problems.items())


def test_a_folder_reads_alike(tmp_path):
    contents = recordings.layout(CLIPS, b"the table")
    folder = recordings.write_folder(tmp_path / "folder", contents | OTHER_FILES)
    assert read_all(folder) == read_all(recordings.write_tar(tmp_path / "speech.tar", contents))
    assert read_all(folder / "speech") == read_all(folder)


def test_what_is_skipped_is_not_read(tmp_path):
    path = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout(recordings.many(3)))
    assert [member.utterance for member in archives.members(path)] == [None, "clip-000", "clip-001", "clip-002"]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("reading", [True, False])
def test_truncated_archive(tmp_path, suffix, kept, reading):
    clips = {f"{name}.wav": os.urandom(100_000) for name in "abcdefgh"}
    path = recordings.write_tar(tmp_path / f"speech{suffix}", recordings.layout(clips))
    size = path.stat().st_size
    os.truncate(path, int(size * kept))
    with pytest.raises(UserError, match=r"truncated or damaged.*download it again"):
        for member in archives.members(path):
            if reading:
                member.read()


@pytest.mark.parametrize("missing", [1, 4, 100])
def test_bzip2_cut_in_its_last_bytes(tmp_path, missing):
    path = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout({"a.wav": os.urandom(10_000)}))
    os.truncate(path, path.stat().st_size - missing)
    with pytest.raises(UserError, match="truncated or damaged"):
        read_all(path)


def test_tar_cut_between_members(tmp_path):
    path = recordings.write_tar(tmp_path / "speech.tar", recordings.layout({"a.wav": bytes(512), "b.wav": bytes(512)}))
    os.truncate(path, 4 * 512)  # whole members, no end-of-archive mark
    with pytest.raises(UserError, match="no end-of-archive mark"):
        read_all(path)


def test_damaged_header_is_not_taken_for_the_end(tmp_path):
    path = recordings.write_tar(tmp_path / "speech.tar", recordings.layout({"a.wav": bytes(512), "b.wav": bytes(512)}))
    data = bytearray(path.read_bytes())
    data[4 * 512 + 100] ^= 0xFF  # in the header of b.wav
    path.write_bytes(data)
    with pytest.raises(UserError, match="no end-of-archive mark"):
        read_all(path)


def test_damaged_bzip2_block(tmp_path):
    path = recordings.write_tar(tmp_path / "speech.tar.bz2", recordings.layout({"a.wav": os.urandom(300_000)}))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UserError, match="truncated or damaged"):
        read_all(path)


def entry(name, kind, target=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry("speech/../../evil.wav", tarfile.REGTYPE), "leads outside"),
        (entry("/etc/wavs/evil.wav", tarfile.REGTYPE), "leads outside"),
        (entry("speech/wavs/evil.wav", tarfile.SYMTYPE, "/etc/passwd"), "a link to '/etc/passwd'"),
        (entry("speech/wavs/evil.wav", tarfile.LNKTYPE, "speech/metadata.csv"), "a link to"),
        (entry("speech/wavs/evil.wav", tarfile.CHRTYPE), "a device"),
        (entry("speech/wavs/evil.wav", tarfile.BLKTYPE), "a device"),
        (entry("speech/wavs/evil.wav", tarfile.FIFOTYPE), "a device or other special"),
    ],
    ids=["..", "absolute", "symlink", "hard link", "character device", "block device", "fifo"],
)
@pytest.mark.parametrize("suffix", [".tar", ".tar.bz2"])
def test_unsafe_member(tmp_path, bad, message, suffix):
    path = recordings.write_tar(tmp_path / f"speech{suffix}", recordings.layout({"a.wav": b"clip"}), [bad])
    with pytest.raises(UserError, match=f"evil.wav.*{message}"):
        read_all(path)


def test_a_clip_named_twice(tmp_path):
    path = recordings.write_tar(tmp_path / "speech.tar", recordings.layout({"a.wav": b"one", "a.flac": b"two"}))
    with pytest.raises(UserError, match=r"wavs/a\.wav and speech/wavs/a\.flac are the same clip"):
        read_all(path)


def test_two_tables(tmp_path):
    contents = recordings.layout({"a.wav": b"one"}) | {"backup/metadata.csv": b"old"}
    with pytest.raises(UserError, match=r"speech/metadata\.csv and backup/metadata\.csv are the same table"):
        read_all(recordings.write_tar(tmp_path / "speech.tar", contents))


def test_no_table(tmp_path):
    with pytest.raises(UserError, match=r"no metadata\.csv"):
        read_all(recordings.write_tar(tmp_path / "speech.tar", {"wavs/a.wav": b"clip"}))


def test_missing_or_of_another_kind(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_all(tmp_path / "nothing.tar.bz2")
    (tmp_path / "speech.zip").write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(UserError, match=r"\.tar\.bz2, \.tar\.gz or \.tar"):
        read_all(tmp_path / "speech.zip")
    (tmp_path / "speech.tar.bz2").write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(UserError, match="truncated or damaged"):
        read_all(tmp_path / "speech.tar.bz2")


def test_a_name_that_is_not_utf8(tmp_path):
    contents = recordings.layout({"a.wav": b"clip", "\udce9.wav": b"clip"}, b"the table")
    path = recordings.write_tar(tmp_path / "speech.tar", contents)
    assert len(read_all(path)) == 3


def test_real_archive(ljspeech_archive):
    found = read_all(ljspeech_archive)
    assert len(found.pop(None)[1].splitlines()) == 13_100
    assert len(found) >= 186 and all(data[:4] == b"RIFF" for _, data in found.values())


def test_another_archive_than_the_config_names(tmp_path):
    path = tmp_path / "speech.tar"
    path.write_bytes(b"content")
    archives.check_sha256(path, None)
    archives.check_sha256(path, hashlib.sha256(b"content").hexdigest())
    with pytest.raises(UserError, match=r"dataset\.sha256 is not that of .*speech\.tar"):
        archives.check_sha256(path, "0" * 64)
