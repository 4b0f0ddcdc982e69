"""What is spoken: names, order, sentences, and texts that the model cannot speak."""

import re

import pytest
from xtts_cloning.errors import UserError
from xtts_cloning.model import texts
from xtts_cloning.model.library import VoiceBpeTokenizer
from xtts_cloning.speech import utterances
from xtts_cloning.speech.utterances import Text

HINDI = "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e\u0964 "
SENTENCE = "The harbour was quiet when the first boats came home that morning. "


def plan(said, folder, language="en", split=True):
    wanted = [Text(f"u{n}", "line", text, f"place {n}") for n, text in enumerate(said)]
    return utterances.plan(wanted, folder, language, split)


@pytest.fixture
def real_model(hub_files, tmp_path):
    """The real config and vocabulary; what is planned needs no weights."""
    for name in ("config.json", "vocab.json"):
        (tmp_path / name).symlink_to(hub_files / name)
    (tmp_path / "model.pth").touch()
    return tmp_path


def test_phrases_are_followed_by_their_probes():
    synthesis = {"phrases": [{"id": "long", "text": "A.", "probe": True}, {"id": "b", "text": "B."}]}
    found = utterances.phrases(synthesis)
    assert [(text.id, text.kind) for text in found] == [("long", "phrase"), ("long_unsplit", "probe"), ("b", "phrase")]


def test_lines_are_numbered_as_spoken_and_placed_as_written(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffOne.\r\n\r\n  Two. \n".encode())
    assert utterances.lines(path) == [
        Text("line01", "line", "One.", f"{path}, line 1"),
        Text("line02", "line", "Two.", f"{path}, line 3"),
    ]


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_line_ends_at_a_line_end_and_nowhere_else(tmp_path, inside):
    path = tmp_path / "lines.txt"
    path.write_bytes(f"One{inside}utterance.\rTwo.\r\n\u200b\nFour.".encode())
    assert [(text.text, text.place) for text in utterances.lines(path)] == [
        ("One utterance.", f"{path}, line 1"),
        ("Two.", f"{path}, line 2"),
        ("Four.", f"{path}, line 4"),
    ]


def test_lines_are_read_composed(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("Gro\u0308\u00dfe\n", encoding="utf-8")
    assert utterances.lines(path)[0].text == "Gr\u00f6\u00dfe"


@pytest.mark.parametrize("content, expected", [(b"\n \n", "holds no text"), (b"caf\xe9", "byte 3 is not UTF-8")])
def test_bad_lines_files_are_told(tmp_path, content, expected):
    path = tmp_path / "lines.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=expected):
        utterances.lines(path)
    with pytest.raises(UserError, match="does not exist"):
        utterances.lines(tmp_path / "none.txt")


def test_transcripts_are_named_by_their_clips(tmp_path):
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "LJ001-0001.wav").touch()
    path = tmp_path / "mdata_test.csv"
    path.write_text('audio_file|text|speaker_name\nwavs/LJ001-0001.wav|"He said ""so""."|me\n')
    assert [(text.id, text.kind, text.text) for text in utterances.transcripts(path)] == [
        ("LJ001-0001", "test", 'He said "so".')
    ]


def test_ids_are_those_of_the_librarys_inference(standin):
    (planned,) = plan(["  Hello, Room 42!  "], standin)
    assert planned.sentences == ["hello, room 42!"]
    tokenizer = VoiceBpeTokenizer(str(standin / "vocab.json"))
    assert planned.text_ids == [tokenizer.encode("hello, room 42!", lang="en")]


def test_a_long_text_is_split_between_sentences_and_loses_nothing(standin):
    (planned,) = plan([SENTENCE * 8], standin)
    assert len(planned.sentences) == 3
    assert all(len(sentence) <= 250 and sentence.endswith(".") for sentence in planned.sentences)
    assert " ".join(planned.sentences) == (SENTENCE * 8).strip().lower()
    assert len(plan([SENTENCE * 4], standin, split=False)[0].sentences) == 1


def test_a_sentence_without_an_end_is_split_between_words(standin):
    text = ("never " * 100).strip()
    (planned,) = plan([text], standin)
    assert len(planned.sentences) == 3
    assert " ".join(planned.sentences) == text


def test_pieces_that_are_too_many_tokens_become_smaller(standin):
    numbers = "7777777, " * 25  # 225 characters, but seven million seven hundred ... is written out
    (planned,) = plan([numbers], standin)
    assert len(planned.sentences) > 1
    assert max(map(len, planned.text_ids)) <= 400
    assert sum(sentence.count("7777777") for sentence in planned.sentences) == 25


def test_a_probe_stays_whole_and_is_refused_where_the_model_ends(standin):
    probe = Text("long_unsplit", "probe", SENTENCE * 5, "synthesis.phrases, 'long'")
    (planned,) = utterances.plan([probe], standin, "en", True)
    assert len(planned.sentences) == 1
    probe = Text("long_unsplit", "probe", SENTENCE * 9, "synthesis.phrases, 'long'")
    with pytest.raises(UserError, match=r"synthesis\.phrases, 'long': \d+ text tokens, at most 400"):
        utterances.plan([probe], standin, "en", True)


def test_every_text_that_cannot_be_spoken_is_listed(standin):
    with pytest.raises(UserError) as error:
        plan(["Good.", "   ", SENTENCE * 9], standin, split=False)
    assert re.findall(r"place \d", str(error.value)) == ["place 1", "place 2"]


def test_texts_that_cannot_be_said_are_named_by_their_lines(real_model):
    number = "12345678910111213141516171819202122"
    with pytest.raises(UserError) as error:
        plan(["Bien.", f"Notas {number} fin.", '"', "\u2026\u2026"], real_model, "es")
    told = str(error.value).split("\n")[1:]
    assert told[0].startswith(f"  place 1: '{number}' cannot be said (OverflowError)")
    assert told[1:] == ["  place 2: nothing to say in '\"'", "  place 3: nothing to say in '\u2026\u2026'"]


def test_a_book_on_one_line_is_refused_at_once(standin):
    with pytest.raises(UserError, match=r"place 1: 1,152,000 characters in one utterance, .* one utterance per line"):
        plan(["Good.", "It was a quiet morning in the harbour, and the gulls had not yet begun. " * 16000], standin)


@pytest.mark.parametrize(
    "language, written",
    [("tr", "\u0130stanbul'da"), ("de", "Gro\u0308\u00dfe 3."), ("ja", "NHK\u3068iPhone\u3001\uff13\u500b")],
)
def test_what_is_spoken_is_what_was_learnt(real_model, language, written):
    (planned,) = plan([written], real_model, language)
    tokenizer = texts.load_tokenizer(real_model / "vocab.json")
    assert planned.text_ids == [texts.token_ids(tokenizer, written, language)]


def test_an_ordinal_does_not_end_a_sentence(real_model):
    (planned,) = plan(["Am 3. Oktober kam er. " * 20], real_model, "de")
    assert len(planned.sentences) > 1 and all(sentence.endswith("kam er.") for sentence in planned.sentences)


def test_characters_that_the_real_vocabulary_lacks_are_named(real_model):
    with pytest.raises(UserError, match=r"place 1: the model's vocabulary lacks \u2603"):
        plan(["Fine.", "A \u2603 here."], real_model)


def test_two_utterances_of_one_name_are_refused(standin):
    with pytest.raises(UserError, match="named line01"):
        utterances.plan([Text("line01", "phrase", "A.", ""), Text("line01", "line", "B.", "")], standin, "en", True)


def test_an_unknown_language_is_told(standin):
    with pytest.raises(UserError, match="'xx'"):
        plan(["A."], standin, "xx")


@pytest.mark.parametrize(
    "language, text, pieces",
    [
        ("hi", HINDI * 20, 2),  # 250 characters, as of a language that char_limits leaves out
        ("zh-cn", "\u4f60\u597d\u4e16\u754c\u3002" * 20, 2),  # 82 characters
        ("de", "Das ist ein kurzer Satz. " * 20, 2),  # 253
    ],
)
def test_other_languages_split_at_their_own_limit(real_model, language, text, pieces):
    (planned,) = plan([text], real_model, language)
    assert len(planned.sentences) == pieces
    assert "".join(planned.sentences).replace(" ", "") == text.lower().replace(" ", "")
