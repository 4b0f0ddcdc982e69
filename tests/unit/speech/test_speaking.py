"""Utterances are spoken each for itself, joined with pauses, tried again where asked, and told in the tables."""

import csv
import math

import numpy as np
import pytest
import soundfile
import torch
from xtts_cloning import files
from xtts_cloning.model import latents
from xtts_cloning.speech import speaking, utterances
from xtts_cloning.speech.decoding import Decoded
from xtts_cloning.speech.utterances import Text

TEXTS = ["Hello test.", "The gulls had not yet begun.", "A third line, of another length than the others have."]
LONG = "The harbour was quiet when the first boats came home that morning. " * 5


@pytest.fixture
def conditioning(model, voice_wav, speak_settings):
    return latents.conditioning(model, voice_wav, speak_settings["reference"])


def planned(standin, texts=TEXTS, kind="line"):
    wanted = [Text(f"{kind}{n}", kind, text, "") for n, text in enumerate(texts)]
    return utterances.plan(wanted, standin, "en", True)


@pytest.fixture
def quick_vocoder(monkeypatch):
    """The latents themselves as audio, where a test asks only which codes were spoken."""

    def vocode_all(model, latents, speaker):
        return [hidden.flatten().float().numpy() for hidden in latents]

    monkeypatch.setattr(speaking.vocoder, "vocode_all", vocode_all)


def result(tokens: int, stopped: bool = True) -> Decoded:
    """What a decoder might return: so many audio tokens."""
    return Decoded(torch.zeros(tokens, dtype=torch.long), torch.zeros(tokens + stopped, 64), stopped, 0.5)


def test_an_utterance_is_the_same_alone_and_among_others(model, standin, conditioning, speak_settings):
    plan = planned(standin)
    together = speaking.speak(model, plan, conditioning, speak_settings)
    backwards = speaking.speak(model, plan[::-1], conditioning, speak_settings)[::-1]
    alone = [speaking.speak(model, [utterance], conditioning, speak_settings)[0] for utterance in plan]
    for first, second, third in zip(together, backwards, alone, strict=True):
        assert first.samples.tobytes() == second.samples.tobytes() == third.samples.tobytes()
        assert first.seeds == second.seeds == third.seeds
    assert len({item.samples.tobytes() for item in together}) == len(TEXTS)


def test_seed_name_and_temperature_change_what_is_said(model, standin, conditioning, speak_settings, quick_vocoder):
    def tokens(name="a", **changes):
        settings = {**speak_settings, "seed": changes.pop("seed", 1)}
        settings["synthesis"] = {**settings["synthesis"], "max_new_tokens": 24, **changes}
        plan = utterances.plan([Text(name, "line", TEXTS[0], "")], standin, "en", True)
        return speaking.speak(model, plan, conditioning, settings)[0].samples.tobytes()

    assert tokens() == tokens()
    assert len({tokens(), tokens(seed=2), tokens("b"), tokens(temperature=0.1)}) == 4


def test_a_long_text_is_its_sentences_and_pauses(model, standin, conditioning, speak_settings):
    (utterance,) = planned(standin, [LONG])
    (spoken,) = speaking.speak(model, [utterance], conditioning, speak_settings)
    first = utterances.Utterance(utterance.id, "line", "", utterance.sentences[:1], utterance.text_ids[:1])
    (alone,) = speaking.speak(model, [first], conditioning, speak_settings)
    assert len(utterance.sentences) == 2 == len(set(spoken.seeds))
    assert alone.seeds == spoken.seeds[:1]
    length, pause, fade = len(alone.samples), round(0.25 * 24000), round(0.005 * 24000)
    assert np.array_equal(spoken.samples[fade : length - fade], alone.samples[fade : length - fade])
    assert not spoken.samples[length : length + pause].any()
    assert spoken.samples[0] == spoken.samples[length - 1] == spoken.samples[-1] == 0
    assert spoken.audio_tokens <= 2 * speak_settings["synthesis"]["max_new_tokens"]


def test_joining_leaves_a_single_piece_as_it_is():
    piece = np.ones(1000, np.float32)
    assert speaking.join([piece], 0.25) is piece
    assert len(speaking.join([piece, np.ones(50, np.float32)], 0.1)) == 1000 + 2400 + 50
    assert len(speaking.join([piece, piece], 0.0)) == 2000


@pytest.mark.parametrize(
    "tokens, stopped, text, expected",
    [
        (22, True, "Hello test.", 0),  # 1.0 s
        (430, True, "x" * 250, 0),  # 20 s at the character limit
        (215, True, "Hello test.", 430),  # 10 s for two words
        (22, False, "Hello test.", math.inf),
    ],
)
def test_what_is_far_too_long_for_its_text(model, tokens, stopped, text, expected):
    excess = speaking.excess_seconds(result(tokens, stopped), text, "en", model.args)
    assert (excess > 0) == (expected > 0) and math.isinf(excess) == math.isinf(expected)


def test_a_failed_sentence_is_tried_again_and_the_best_take_kept(
    model, standin, conditioning, speak_settings, quick_vocoder, monkeypatch
):
    attempts = iter(
        [
            [result(20), result(300), result(60, False)],  # fine, far too long, ran into the limit
            [result(250), result(60, False)],
            [result(280), result(30)],
        ]
    )
    asked = []

    def decode(model, requests, sampling, progress):
        asked.append([request.seed for request in requests])
        return next(attempts)

    monkeypatch.setattr(speaking.decoding, "decode", decode)
    speak_settings["synthesis"]["retries"] = 2
    plan = planned(standin)
    spoken = speaking.speak(model, plan, conditioning, speak_settings)
    assert [len(seeds) for seeds in asked] == [3, 2, 2]
    assert len({seed for seeds in asked for seed in seeds}) == 7
    assert [(item.audio_tokens, item.stopped, item.attempts) for item in spoken] == [
        (20, True, 1),
        (250, True, 3),
        (30, True, 3),
    ]
    assert [item.seeds for item in spoken] == [[asked[0][0]], [asked[1][0]], [asked[2][1]]]


def test_without_retries_and_for_probes_one_attempt_is_all(
    model, standin, conditioning, speak_settings, quick_vocoder, monkeypatch
):
    calls = []

    def decode(model, requests, sampling, progress):
        calls.append(len(requests))
        return [result(60, False) for _ in requests]

    monkeypatch.setattr(speaking.decoding, "decode", decode)
    speaking.speak(model, planned(standin), conditioning, speak_settings)
    speak_settings["synthesis"]["retries"] = 3
    (probe,) = speaking.speak(model, planned(standin, TEXTS[:1], "probe"), conditioning, speak_settings)
    assert calls == [3, 1]
    assert (probe.attempts, probe.stopped) == (1, False)


def test_the_tables_tell_what_the_files_hold(model, standin, conditioning, speak_settings, tmp_path):
    plan = planned(standin, [*TEXTS, LONG])
    spoken = speaking.speak(model, plan, conditioning, speak_settings)
    speaking.write(spoken, tmp_path, 2.0, speaking.time_alone(model, plan, conditioning, speak_settings))

    rows = list(csv.DictReader((tmp_path / "manifest.csv").open()))
    columns = "utterance kind text audio_file sentences text_tokens audio_tokens stopped seed attempts seconds sha256"
    assert list(rows[0]) == columns.split()
    assert [row["utterance"] for row in rows] == ["line0", "line1", "line2", "line3"]
    for row, item in zip(rows, spoken, strict=True):
        path = tmp_path / row["audio_file"]
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (24000, 1, "PCM_16")
        assert float(row["seconds"]) == pytest.approx(info.duration, abs=1e-4)
        assert row["sha256"] == files.sha256(path)
        assert row["stopped"] in ("true", "false")
        assert int(row["text_tokens"]) == sum(map(len, item.utterance.text_ids))
        assert len(row["seed"].split()) == int(row["sentences"])
    assert [row["sentences"] for row in rows] == ["1", "1", "1", "2"]

    times = list(csv.DictReader((tmp_path / "timing.csv").open()))
    assert list(times[0]) == ["utterance", "mode", "audio_seconds", "wall_seconds", "rtf", "times_realtime", "clock"]
    assert [row["utterance"] for row in times] == ["line0", "line1", "line2", "line3", "all", "line0"]
    assert [row["mode"] for row in times] == ["batch"] * 5 + ["alone"]
    assert times[-1]["audio_seconds"] == times[0]["audio_seconds"], "alone it must be the same speech"
    total = sum(float(row["seconds"]) for row in rows)
    assert float(times[-2]["audio_seconds"]) == pytest.approx(total, abs=1e-3)
    assert float(times[-2]["rtf"]) == pytest.approx(2.0 / total, abs=1e-3)
    assert all(float(row["wall_seconds"]) > 0 and row["clock"] for row in times)
