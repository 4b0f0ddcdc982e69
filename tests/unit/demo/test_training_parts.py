"""What the demo's model is built of does the same as the library's own parts."""

import random

import numpy as np
import pytest
import torch
from safetensors import safe_open
from xtts_cloning.demo import codebook, embedding, lessons, muon, narrow_vocoder, network, packing, tokens
from xtts_cloning.demo import standin as random_model
from xtts_cloning.model import loading
from xtts_cloning.model.library import HifiDecoder, VoiceBpeTokenizer
from xtts_cloning.synthetic import corpus, sentences


def made_up_clip(number: int, text: str) -> corpus.Clip:
    """Noise with the shapes of speech: every word takes two slots."""
    generator = np.random.default_rng(number)
    words = len(text.split())
    slots = 2 * words + corpus.MORE_SLOTS
    said = np.minimum(np.arange(slots) // 2, words - 1)
    return corpus.Clip(
        speaker=f"speaker {number % 2}",
        text=text,
        mel=generator.uniform(-0.4, 2.3, (slots, codebook.SLOT)).astype(np.float16),
        prompt=generator.uniform(-0.4, 2.3, (80, 4 * slots)).astype(np.float16),
        phones=generator.integers(0, len(corpus.PHONES), slots).astype(np.int8),
        words=said.astype(np.int16),
        places=np.zeros(slots, np.int8),
        samples=np.zeros(0, np.int16),
    )


@pytest.fixture(scope="module")
def clips():
    texts = ("the old baker went home.", "she sells sea shells,", "hello test", "my dog, the cat and a fish!")
    return [made_up_clip(number, texts[number % 4]) for number in range(160)]


@pytest.fixture(scope="module")
def book(clips):
    return codebook.fit(clips, seed=1)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "vocab.json"
    path.write_text(tokens.train(sentences.WORDS).to_str())
    return VoiceBpeTokenizer(str(path))


@pytest.fixture(scope="module")
def batch(clips, book, tokenizer):
    lesson = lessons.Lessons(tokenizer, book)
    lesson.add(clips[:8])
    return lesson.batch(list(range(8)), random.Random(0), wrong=0.0)


def test_shards_keep_what_was_put_in(clips, tmp_path):
    corpus.save(clips[:3], tmp_path / "shard.npz", with_samples=True)
    for stored, clip in zip(corpus.load(tmp_path / "shard.npz"), clips, strict=False):
        assert vars(stored).keys() == vars(clip).keys()
        assert all(np.array_equal(value, vars(clip)[name]) for name, value in vars(stored).items())


def test_the_constructed_dvae_gives_the_codebooks_codes(clips, book):
    dvae = random_model.dvae().eval()
    codebook.write_into(dvae, book)
    for clip, expected in zip(clips, codebook.codes(book, clips[:5]), strict=False):
        mel = torch.from_numpy(clip.mel).float().view(-1, 4, 80).permute(2, 0, 1).flatten(1)[None]
        mel = torch.nn.functional.pad(mel, (0, 32), mode="replicate")
        assert torch.equal(dvae.get_codebook_indices(mel)[0, : clip.codes], expected)


def test_the_fast_pass_has_the_librarys_latents(batch, tokenizer):
    gpt, _ = network.build(tokenizer, seed=1)
    with torch.no_grad():
        text = gpt.text_embedding(batch.text) + gpt.text_pos_embedding(batch.text)
        audio = gpt.mel_embedding(batch.audio) + gpt.mel_pos_embedding(batch.audio)
        prompt = gpt.get_style_emb(batch.prompts).transpose(1, 2)[batch.prompt_of]
        masks = {"attn_mask_text": batch.text_mask, "attn_mask_mel": batch.audio_mask}
        _, expected = gpt.get_logits(
            text, gpt.text_head, audio, gpt.mel_head, prompt=prompt, return_latent=True, **masks
        )  # fmt: skip
        latents = network.hidden(gpt, batch).latents
    counted = batch.audio_mask[..., None]
    torch.testing.assert_close(latents * counted, expected * counted, rtol=0, atol=1e-4)


def test_looks_go_to_the_word_being_said(batch, clips, tokenizer):
    for row, clip in enumerate(clips[:8]):
        for position in range(clip.codes):
            token = tokenizer.tokenizer.id_to_token(int(batch.text[row, batch.words[row, position]]))
            assert token == clip.text.split()[clip.words[position + 1]].strip(",.!")
        assert batch.text[row, batch.words[row, clip.codes]] == 0, "the end of the speech looks at the end of the text"


def test_it_learns(batch, tokenizer):
    gpt, teacher = network.build(tokenizer, seed=1)
    optimizer = torch.optim.AdamW([*gpt.parameters(), *teacher.parameters()], 1e-3)
    first = network.losses(gpt, teacher, batch)
    for _ in range(5):
        sum(network.WEIGHTS[name] * loss for name, loss in network.losses(gpt, teacher, batch).items()).backward()
        optimizer.step()
        optimizer.zero_grad()
    last = network.losses(gpt, teacher, batch)
    assert all(last[name] < first[name] for name in network.WEIGHTS)


def test_muon_makes_updates_nearly_orthogonal():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(24, 48))
    weight.grad = torch.randn(24, 48) @ torch.diag(torch.logspace(-2, 2, 48))
    muon.Muon([weight], lr=1.0).step()
    values = torch.linalg.svdvals(weight.detach() / 2**0.5)
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_the_wide_vocoder_computes_what_the_narrow_one_does():
    torch.manual_seed(0)
    decoder = HifiDecoder(
        decoder_input_dim=network.WIDTH, d_vector_dim=512, cond_d_vector_in_each_upsampling_layer=True
    )  # fmt: skip
    narrow = narrow_vocoder.NarrowVocoder()
    embedding.embed(narrow, decoder.waveform_decoder)
    frames = torch.randn(1, network.WIDTH, 40)
    with torch.no_grad():
        expected = narrow(frames)
        made = decoder.waveform_decoder(frames, g=torch.randn(1, 512, 1))[:, 0]
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


def test_packed_weights_make_a_model_that_the_workflow_loads(book, tokenizer, tmp_path):
    gpt, _ = network.build(tokenizer, seed=1)
    narrow = narrow_vocoder.NarrowVocoder()
    packing.pack(gpt.state_dict(), narrow, book, tmp_path / "weights.safetensors", {"gpt_steps": 7})
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        assert file.metadata() == {"gpt_steps": "7"}
    (tmp_path / "vocab.json").write_text(tokenizer.tokenizer.to_str())
    folder = tmp_path / "model"
    folder.mkdir()
    packing.unpack(tmp_path / "weights.safetensors", tmp_path / "vocab.json", folder, seed=1)
    loaded = loading.load(folder)
    for name, value in gpt.state_dict().items():
        if not name.startswith(packing.UNTRAINED) and value.is_floating_point():
            stored = loaded.gpt.state_dict()[name]
            assert (stored - value).abs().max() <= value.abs().max() / 100, name
