"""The written text of a recording lands in the spans where it is said, or is not used."""

import pytest
from xtts_cloning.curation import script
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.whisper import HeardWord

TEXT = "Mr. Gray, the type-setter, worked in 1834. He was old then! Nobody paid him \u2013 they forgot. So he left."


def words(*spans: str) -> script.Words:
    return [[HeardWord(text, 0.0, 0.1, 0.9) for text in span.split()] for span in spans]


def test_what_was_heard_a_little_differently_is_written_as_in_the_script():
    heard = words("Mister Grey the typesetter", "worked in eighteen thirty four", "he was cold then", "nobody paid him",
                  "they forgot so he left")  # fmt: skip
    found = script.parts(TEXT, heard, "en", "talk")
    assert [part.text for part in found[1:]] == [
        "worked in 1834.",
        "He was old then!",
        "Nobody paid him \u2013",
        "they forgot. So he left.",
    ]
    assert all(part.sure_start and part.sure_end for part in found[1:])


@pytest.mark.parametrize("heard", [("he was old", "nobody paid him"), ("worked in", "he was old then")])
def test_a_pause_beside_words_that_were_not_heard_is_not_cut(heard):
    before, after = script.parts(TEXT, words(*heard), "en", "talk")
    assert not before.sure_end and not after.sure_start


def test_words_that_stand_in_no_script_are_given_none():
    said = "Mr Gray the type setter worked in 1834 he was old then"
    heard = words(said, "well as I said", "nobody paid him they forgot")
    before, added, after = script.parts(TEXT, heard, "en", "talk")
    assert (before.text[-13:], added.text, after.text) == ("was old then!", "", "Nobody paid him \u2013 they forgot.")


def test_the_script_of_another_recording_is_refused_with_both_texts():
    with pytest.raises(UserError) as error:
        script.parts(TEXT, words("once upon a time there was a king", "in a castle by the sea"), "en", "talk.wav")
    assert all(part in str(error.value) for part in ("talk.wav", "once upon a time", "mr gray the"))


def test_chinese_is_aligned_by_characters():
    found = script.parts(
        "\u4f60\u597d\u3002\u6211\u662f\u8001\u5e08\u3002",
        words("\u4f60\u597d", "\u6211\u662f\u8001\u5e08"),
        "zh-cn",
        "x",
    )
    assert [part.text for part in found] == ["\u4f60\u597d\u3002", "\u6211\u662f\u8001\u5e08\u3002"]


SRT = """1
00:00:01,000 --> 00:00:02,000
<i>Hello</i> there.

2
00:00:02,500 --> 00:00:04,000
Good day.
"""
VTT = """WEBVTT

NOTE made by hand

intro
00:01.000 --> 00:02.000
Hello there.

00:02.500 --> 00:04.000
Good day.
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.txt", "\ufeffHello there.\r\nGood day.\r\n"), ("a.srt", SRT.replace("\n", "\r\n")), ("a.vtt", VTT)],
)
def test_scripts_and_subtitles_are_read(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode())
    assert script.read(path) == "Hello there. Good day."


@pytest.mark.parametrize(("content", "reason"), [(b"\xff\xfeH\x00", "UTF-8"), (b" ... \n", "no words")])
def test_a_script_that_is_none_is_refused(tmp_path, content, reason):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        script.read(path)
