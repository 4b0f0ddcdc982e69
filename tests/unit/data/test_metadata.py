"""metadata.csv read as LJSpeech writes it, mdata.csv as the TTS library reads it."""

import pandas as pd
import pytest
from xtts_cloning.data import metadata
from xtts_cloning.errors import UserError


def parse(text: str | bytes):
    return metadata.parse_ljspeech(text.encode() if isinstance(text, str) else text, "metadata.csv")


def test_third_column_is_the_text():
    assert parse("a|In 1900|In nineteen hundred\nb|x| y \n") == ({"a": "In nineteen hundred", "b": "y"}, [])


def test_quotes_are_text():
    row = 'a|x|"Yes," he said, "it\'s half-open'
    assert parse(f"{row}\nb|x|next\n")[0] == {"a": '"Yes," he said, "it\'s half-open', "b": "next"}


def test_crlf_byte_order_mark_blank_lines_and_no_last_line_end():
    assert parse(b"\xef\xbb\xbfa|x|one\r\n\r\nb|x|two")[0] == {"a": "one", "b": "two"}


@pytest.mark.parametrize(
    ("row", "utterance", "reason", "detail"),
    [
        ("b|only two", "b", "wrong_columns", "row 2: 2 columns, expected 3"),
        ("b|x|y|z", "b", "wrong_columns", "row 2: 4 columns, expected 3"),
        ("b|x| ", "b", "empty_text", "row 2: the normalized transcript"),
        ("../b|x|y", "../b", "bad_id", "row 2: '../b'"),
        (".b|x|y", ".b", "bad_id", "row 2"),
        ("|x|y", "", "bad_id", "row 2"),
    ],
)
def test_a_bad_row_is_left_out_with_reason_and_number(row, utterance, reason, detail):
    texts, problems = parse(f"a|x|one\n{row}\nc|x|three\n")
    assert texts == {"a": "one", "c": "three"}
    assert [problem[:2] for problem in problems] == [(utterance, reason)]
    assert problems[0][2].startswith(detail)


def test_every_row_of_a_duplicate_id_is_left_out():
    texts, problems = parse("a|x|one\nb|x|two\na|x|other\n")
    assert texts == {"b": "two"}
    assert [(*problem[:2], problem[2].split(":")[0]) for problem in problems] == [
        ("a", "duplicate_id", "row 1"),
        ("a", "duplicate_id", "row 3"),
    ]


def test_ids_and_texts_are_read_composed_and_without_what_cannot_be_seen():
    assert parse("gro\u0308\u00dfe\u200b|x|Gro\u0308\u00dfe\u00ad one\u2028two\nb|x|\u200b\n") == (
        {"gr\u00f6\u00dfe": "Gr\u00f6\u00dfe one two"},
        [("b", "empty_text", "row 2: the normalized transcript (third column) is empty")],
    )


def test_the_same_id_composed_and_decomposed_is_a_duplicate():
    assert {problem[1] for problem in parse("\u00e9|x|one\ne\u0301|x|two\nb|x|three\n")[1]} == {"duplicate_id"}


def test_a_row_of_any_length_is_a_row():
    texts, problems = parse("a|x|" + "y" * 1_000_000 + "\nb|x|one\n")
    assert [len(text) for text in texts.values()] == [1_000_000, 3] and not problems


@pytest.mark.parametrize(
    "thirds",
    [["anna"] * 12, ["anna"] * 11 + ["speaker"], ["anna", "bob", "eve"] * 12],
    ids=["one speaker", "with a header", "three speakers"],
)
def test_a_third_column_that_rows_share_is_no_transcript(thirds):
    rows = "".join(f"clip{n:02d}|sentence number {n}|{third}\n" for n, third in enumerate(thirds))
    with pytest.raises(UserError, match=r"metadata\.csv: 'anna' is the normalized transcript .* no transcripts, names"):
        parse(rows)


def test_sentences_that_are_repeated_are_transcripts():
    thirds = ["Yes.", "No.", *(f"Sentence {n}." for n in range(20)), "Yes.", "Yes."]
    assert len(parse("".join(f"c{n}|x|{third}\n" for n, third in enumerate(thirds)))[0]) == len(thirds)
    assert parse("a|x|Hello.\nb|x|Hello.\n")[0] == {"a": "Hello.", "b": "Hello."}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        ("a|x|one\nb|x|caf\xe9\n".encode("latin-1"), "row 2: byte 0xe9 is not UTF-8"),
        (b"a|one\nb|two\n", "none of its 2 rows can be used.*row 1: 2 columns"),
        (b"a,x,one\n", "none of its 1 rows.*1 columns"),
    ],
)
def test_a_file_of_no_use_is_an_error(data, message):
    with pytest.raises(UserError, match=f"metadata.csv.*{message}"):
        parse(data)


def table(texts):
    rows = [(f"wavs/{place}.wav", text, "someone") for place, text in enumerate(texts)]
    return pd.DataFrame(rows, columns=metadata.MDATA_COLUMNS)


def test_mdata_round_trip(tmp_path):
    frame = table(['"Yes," he said', 'half "open', "plain", "naïve", "1234", "it's; a, b"])
    (tmp_path / "wavs").mkdir()
    for file in frame.audio_file:
        (tmp_path / file).touch()
    metadata.write_mdata(tmp_path / "mdata.csv", frame)
    pd.testing.assert_frame_equal(metadata.read_mdata(tmp_path / "mdata.csv"), frame)
    assert b"\r" not in (tmp_path / "mdata.csv").read_bytes()


def test_a_text_that_the_library_would_read_as_missing_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"wavs/1\.wav\|null\|someone does not survive"):
        metadata.write_mdata(tmp_path / "mdata.csv", table(["good", "null"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("wavs/a.wav|one|someone\n", "the first row"),
        ("audio_file|text|speaker_name\nwavs/a.wav|one\n", "row 2.*expected three columns"),
        ("audio_file|text|speaker_name\nwavs/a.wav||someone\n", "row 2.*none empty"),
        ("audio_file|text|speaker_name\nwavs/a.wav|one|someone\nwavs/a.wav|two|someone\n", "row 3.*named twice"),
        ("audio_file|text|speaker_name\nwavs/a.wav|one|someone\nwavs/b.wav|two|someone\n", "row 3.*does not exist"),
    ],
)
def test_mdata_that_cannot_be_used_names_the_row(tmp_path, content, message):
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "a.wav").touch()
    (tmp_path / "mdata.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        metadata.read_mdata(tmp_path / "mdata.csv")


def test_missing_mdata(tmp_path):
    with pytest.raises(UserError, match="the subset step makes it"):
        metadata.read_mdata(tmp_path / "mdata.csv")
