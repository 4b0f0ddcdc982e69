"""Words get to the spans in which they are said; where the recogniser left some out, there are none."""

import numpy as np
from xtts_cloning.curation import recognition
from xtts_cloning.curation.decoding import RATE
from xtts_cloning.curation.pauses import Span
from xtts_cloning.evaluation.whisper import Heard, HeardWord


def spans(*bounds: tuple[float, float]) -> list[Span]:
    return [Span(*(round(time * RATE) for time in (start, end, start, end))) for start, end in bounds]


def heard(journal, given: list[Span], *said: tuple[str, float, float]) -> list[str]:
    listen = lambda samples: Heard([HeardWord(*word, 0.9) for word in said], 1.0)  # noqa: E731
    pcm = np.zeros(given[-1].end, np.int16)
    words, _ = recognition.words_of_spans(pcm, given, listen, journal, lambda seconds: None)
    return [" ".join(word.text for word in spoken) for spoken in words]


def test_a_word_that_is_stretched_over_a_pause_belongs_where_more_of_it_is(tmp_path):
    given = spans((0, 1), (1.5, 3))
    said = ("present", 0.1, 0.6), ("concern,", 0.6, 1.45), ("differs", 1.4, 1.7), ("widely", 1.8, 2.6)
    assert heard(tmp_path / "j", given, *said) == ["present concern,", "differs widely"]


def test_where_words_were_left_out_neither_the_span_nor_its_neighbours_are_trusted(tmp_path):
    given = spans((0, 2), (2.5, 4.5), (5, 10), (10.5, 12.5))
    said = ("all well here", 0.1, 1.9), ("a book is printed", 2.6, 4.4), ("with some", 5.1, 9), ("Italy", 10.6, 12)
    assert heard(tmp_path / "j", given, *said) == ["all well here", "", "", ""]


def test_a_window_is_no_longer_than_the_model_hears_and_ends_in_a_long_pause():
    given = spans((0, 10), (10.4, 16), (16.9, 24), (24.3, 27), (27.5, 33), (40, 41))
    assert list(recognition.windows(given)) == [(0, 1), (2, 4), (5, 5)]
