"""Manifests are checked row by row, and batches depend on the seed and their number alone."""

import random
from collections import Counter

import pytest
import torch
from made_clips import RATE, write_manifest
from xtts_cloning import audio, files
from xtts_cloning.errors import UserError
from xtts_cloning.model import texts
from xtts_cloning.training import batches
from xtts_cloning.training.batches import Clip, SpecialTokens, TrainingBatches, batch_positions, clip_at

TOKENS = SpecialTokens(start_text=261, stop_text=0, start_audio=1024, stop_audio=1025)


def make_clips(seconds: list[float]) -> list[Clip]:
    generator = torch.Generator().manual_seed(5)
    clips = []
    for length in seconds:
        samples = round(length * RATE)
        codes = torch.randint(1024, (-(-samples // 1024),), generator=generator)
        text = torch.randint(2, 200, (round(5 * length),), generator=generator)
        clips.append(Clip(text, torch.rand(samples, generator=generator), codes))
    return clips


def test_every_clip_comes_once_in_an_epoch_and_in_another_order_in_the_next():
    epochs = [[clip_at(epoch * 40 + place, 40, 1) for place in range(40)] for epoch in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(40))] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != [clip_at(place, 40, 2) for place in range(40)], "the seed has no say"


@pytest.mark.parametrize(("count", "batch_size"), [(40, 4), (10, 4), (3, 8), (37, 16)])
def test_batches_deal_out_the_sequence_without_loss(count, batch_size):
    lengths = [random.Random(clip).randint(20, 200) for clip in range(count)]
    window = max(1, min(batches.WINDOW, count // batch_size))
    dealt = [batch_positions(lengths, batch_size, 1, index) for index in range(6 * window)]
    assert all(len(batch) == batch_size for batch in dealt)
    assert sorted(position for batch in dealt for position in batch) == list(range(6 * window * batch_size))
    seen = Counter(clip_at(position, count, 1) for batch in dealt for position in batch)
    assert max(seen.values()) - min(seen[clip] for clip in range(count)) <= 1


def test_a_batch_holds_clips_of_like_length_and_batches_come_in_no_order_of_length():
    lengths = [random.Random(clip).randint(20, 200) for clip in range(160)]
    dealt = [batch_positions(lengths, 4, 1, index) for index in range(40)]
    longest = [[lengths[clip_at(position, 160, 1)] for position in batch] for batch in dealt]
    padded = sum(4 * max(batch) for batch in longest) / sum(map(sum, longest))
    assert padded < 1.15  # 1.4 to 1.5 without
    means = [sum(batch) for batch in longest]
    assert means[:8] != sorted(means[:8]) and means[:8] != sorted(means[:8], reverse=True)


def test_a_batch_does_not_depend_on_the_ones_before():
    steps = TrainingBatches(make_clips([1.0, 2.0, 3.5, 4.0, 6.5, 7.0]), TOKENS, 2, seed=9)
    forwards = [steps[index] for index in range(3, 9)]
    backwards = [steps[index] for index in reversed(range(3, 9))][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    assert not torch.equal(forwards[0].audio, forwards[1].audio)


@pytest.mark.parametrize(("count", "batch_size"), [(160, 4), (37, 16), (9, 4)])
def test_an_epoch_s_order_is_drawn_once(count, batch_size, monkeypatch):
    drawn, real = Counter(), files.keyed_seed

    def counted(seed, kind, number):
        drawn[kind, number] += 1
        return real(seed, kind, number)

    monkeypatch.setattr(files, "keyed_seed", counted)
    batches._epoch_order.cache_clear()
    steps = TrainingBatches(make_clips([0.5] * count), TOKENS, batch_size, seed=3)
    for index in range(3 * count // batch_size):
        steps[index]
    epochs = {number: times for (kind, number), times in drawn.items() if kind == "epoch"}
    assert len(epochs) >= 3 and set(epochs.values()) == {1}


def test_prompts_follow_the_library_s_rule():
    generator = random.Random(1)
    for samples in (11_025, 66_149, 66_150, 100_000, 255_995):
        pieces = [batches.random_prompt(samples, generator) for _ in range(300)]
        assert all(0 <= start < end <= samples for start, end in pieces)
        lengths = {end - start for start, end in pieces}
        if samples < batches.SHORTEST_PROMPT:
            assert lengths == {samples // 2}
        if samples > batches.LONGEST_PROMPT:
            assert min(lengths) >= batches.SHORTEST_PROMPT and max(lengths) > 130_000
    assert batches.fixed_prompt(200_000) == (0, 99_225)
    assert batches.fixed_prompt(99_224) == (0, 49_612)


def test_the_last_clip_s_prompt_is_hidden_unless_nothing_would_be_left():
    clips = make_clips([2.0, 2.0])
    two = batches.collate(clips, [(0, 30_000), (2_560, 30_000)], TOKENS).audio_targets
    before = two.clone()
    batches.hide_prompt(two, (2_560, 30_000))
    assert torch.equal(two[0], before[0])
    assert torch.equal(two[1, :10], before[1, :10]) and (two[1, 10:] == -1).all()

    one = batches.collate(clips[:1], [(0, 30_000)], TOKENS).audio_targets
    before = one.clone()
    batches.hide_prompt(one, (0, 30_000))  # covers all: the library's loss would be 0/0
    assert torch.equal(one, before) and (one != -1).any()


def test_a_row_has_no_gap_and_all_padding_at_its_end():
    clips = make_clips([1.0, 3.0, 2.0])
    batch = batches.collate(clips, [(0, 9_000)] * 3, TOKENS)
    side_by_side = torch.cat([batch.text, batch.audio], 1)
    for row, clip in enumerate(clips):
        text = [TOKENS.start_text, *clip.text.tolist()]
        audio = [TOKENS.start_audio, *clip.codes.tolist(), *[TOKENS.stop_audio] * 3]
        sequence = side_by_side[row, batch.order[row]]
        assert sequence[: len(text) + len(audio)].tolist() == text + audio
        heard = batch.audio_places[row, : len(audio)]
        assert sequence[heard].tolist() == audio
        assert (batch.audio_targets[row, len(audio) :] == batches.IGNORED).all()
    longest = max(len(clip.text) + 1 + len(clip.codes) + 4 for clip in clips)
    assert batch.order.shape == (3, longest) and batch.audio_places.max() < longest


def test_evaluation_takes_every_clip_once():
    clips = make_clips([3.0, 1.0, 2.0, 5.0, 4.0])
    dealt = batches.evaluation_batches(clips, TOKENS, 2)
    assert [len(batch.text) for batch in dealt] == [2, 2, 1]
    codes = sum(int((batch.audio_targets != -1).sum()) for batch in dealt)
    assert codes == sum(len(clip.codes) + 4 for clip in clips)


@pytest.fixture(scope="module")
def tokenizer(standin):
    return texts.load_tokenizer(standin / "vocab.json")


def read(manifest, tokenizer):
    return batches.read_clips(manifest, tokenizer, "en", lambda wav: torch.zeros(-(-len(wav) // 1024)).long())


def test_good_rows_are_read_in_order(tmp_path, tokenizer):
    clips = read(write_manifest(tmp_path / "m.csv", [0.6, 1.4, 11.6], seed=1), tokenizer)
    assert [len(clip.wav) for clip in clips] == [13_230, 30_870, 255_780]
    assert all(clip.wav.abs().max() <= 1 and len(clip.text) > 3 for clip in clips)


def test_every_bad_row_is_named_with_what_was_found_and_expected(tmp_path, tokenizer):
    manifest = write_manifest(tmp_path / "m.csv", [1.0, 0.4, 11.7, 1.0, 1.0, 1.0], seed=1)
    (tmp_path / "wavs/m-03.wav").write_bytes(b"no audio at all")
    lines = manifest.read_text().splitlines()
    lines[5] = "wavs/m-04.wav|" + "very " * 60 + "long|tones"
    manifest.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError) as caught:
        read(manifest, tokenizer)
    told = str(caught.value).splitlines()
    assert told[0] == f"{manifest}: 4 of 6 rows cannot be trained on:"
    assert "row 3 (wavs/m-01.wav): lasts 0.40 s (8820 samples); 0.5 to 11.61 s" in told[1]
    assert "row 4 (wavs/m-02.wav): lasts 11.70 s" in told[2]
    assert "row 5 (wavs/m-03.wav)" in told[3] and "decoded" in told[3]
    assert "row 6 (wavs/m-04.wav)" in told[4] and "at most 200" in told[4]


def test_a_missing_file_and_an_empty_manifest_are_refused(tmp_path, tokenizer):
    manifest = write_manifest(tmp_path / "m.csv", [1.0, 1.0], seed=1)
    (tmp_path / "wavs/m-01.wav").unlink()
    with pytest.raises(UserError, match=r"row 3: .*m-01.wav does not exist"):
        read(manifest, tokenizer)
    manifest.write_text("audio_file|text|speaker_name\n")
    with pytest.raises(UserError, match="has no rows"):
        read(manifest, tokenizer)


def test_another_rate_is_resampled(tmp_path, tokenizer):
    manifest = write_manifest(tmp_path / "m.csv", [1.0], seed=1)
    wav = audio.read(tmp_path / "wavs/m-00.wav", 44_100)
    audio.write(tmp_path / "wavs/m-00.wav", wav, 44_100)
    assert len(read(manifest, tokenizer)[0].wav) == pytest.approx(RATE, abs=2)
