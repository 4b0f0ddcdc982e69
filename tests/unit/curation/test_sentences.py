"""Clips are whole sentences where they can be, and never too long."""

import pytest
from xtts_cloning.curation.sentences import Piece, divide, ends_sentence


def pieces(*given: tuple[float, str], pause: float = 0.4) -> list[Piece]:
    found, now = [], 0.0
    for seconds, text in given:
        found.append(Piece(now, now + seconds, text, True, True))
        now += seconds + pause
    return found


def clips(given: list[Piece], fits=lambda first, last: True) -> list[tuple[int, int]]:
    return divide(given, (2.0, 11.0), 1.0, fits)


@pytest.mark.parametrize(
    "text",
    [
        "So.",
        "So?\u201d",
        "\u8d70\u3002",
        "\u0928\u092e\u0938\u094d\u0924\u0947\u0964",
        "\u0645\u0627\u061f",
        "No\u2026 \u00bb",
        "Ja!)",
    ],
)
def test_full_stops_of_every_language(text):
    assert ends_sentence(text)
    assert not ends_sentence(text.strip(".?!\u201d\u3002\u0964\u061f\u2026 \u00bb)") + ",")


def test_whole_sentences_are_joined():
    assert clips(pieces((3, "One,"), (3, "two."), (3, "Three,"), (4, "four."))) == [(0, 1), (2, 3)]


def test_a_sentence_over_the_limit_is_cut_at_its_own_pauses():
    found = clips(pieces((6, "One,"), (5, "two,"), (6, "three.")))
    assert [place for first, last in found for place in range(first, last + 1)] == [0, 1, 2]


def test_what_has_no_pause_is_left_out():
    assert clips(pieces((5, "One."), (14, "Two."), (5, "Three."))) == [(0, 0), (2, 2)]


def test_no_clip_holds_a_long_pause_or_speech_without_words():
    assert clips(pieces((3, "One,"), (3, "two."), pause=1.2)) == [(0, 0), (1, 1)]
    assert clips(pieces((3, "One,"), (1, ""), (3, "two."))) == [(0, 0), (2, 2)]


def test_no_clip_begins_or_ends_where_the_text_is_not_sure():
    given = pieces((3, "One."), (3, "Two."), (3, "Three."))
    given[0], given[1] = given[0]._replace(may_end=False), given[1]._replace(may_start=False)
    assert clips(given) in ([(0, 1), (2, 2)], [(0, 2)])


def test_a_text_that_is_too_long_is_divided():
    given = pieces((3, "One."), (3, "Two."))
    assert clips(given, fits=lambda first, last: first == last) == [(0, 0), (1, 1)]
