"""Speaker similarity: same above other, on made and real voices; WavLM's code on a small random model."""

import numpy as np
import pytest
import voices
from xtts_cloning import audio
from xtts_cloning.evaluation import measures, speakers
from xtts_cloning.evaluation.measures import RATE, Unmeasurable


@pytest.fixture(scope="module")
def embed():
    return speakers.embedder("resemblyzer")


def test_same_real_speaker_scores_above_another(embed, real_clips, other_speaker):
    same = [embed(measures.at_level(samples)) for _, samples in real_clips.values()]
    paths = sorted(other_speaker.rglob("*.wav"))[:3]
    assert paths, f"{other_speaker} holds no WAV"
    others = [embed(measures.at_level(audio.read(path, RATE))) for path in paths]
    ceiling = [
        speakers.similarity(one, speakers.centroid(same[:n] + same[n + 1 :])) for n, one in enumerate(same) if n < 4
    ]
    floor = [speakers.similarity(one, speakers.centroid(same)) for one in others]
    assert min(ceiling) > max(floor) + 0.1
    assert np.mean(ceiling) > 0.85


def test_same_made_voice_scores_above_another(embed):
    first, second = (embed(measures.at_level(voices.say(text))) for text in voices.SENTENCES[:2])
    other = embed(measures.at_level(voices.say(voices.SENTENCES[1], "en-gb-scotland", 20)))
    assert speakers.similarity(first, second) > speakers.similarity(first, other)


def test_identity_gain_and_length_of_the_vector(embed):
    samples = voices.say(voices.SENTENCES[0])
    vector, quieter = embed(measures.at_level(samples)), embed(measures.at_level(samples * 0.1))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert speakers.similarity(vector, vector) == pytest.approx(1, abs=1e-5)
    assert speakers.similarity(vector, quieter) == pytest.approx(1, abs=1e-4)


def test_without_enough_speech_there_is_a_reason(embed):
    with pytest.raises(Unmeasurable, match="s of speech found"):
        embed(measures.at_level(voices.say(voices.SENTENCES[0])[: int(0.6 * RATE)]))


def test_centroid_is_a_unit_vector_between_its_voices():
    found = speakers.centroid([np.array([1.0, 0]), np.array([0, 1.0])])
    np.testing.assert_allclose(found, [2**-0.5, 2**-0.5])


@pytest.fixture(scope="module")
def wavlm_folder(tmp_path_factory):
    """A random WavLM with an x-vector head, saved as the hub has it."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wavlm")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = WavLMConfig(**sizes, conv_dim=(8,) * 7, tdnn_dim=(16,) * 5, xvector_output_dim=12)
    WavLMForXVector(config).save_pretrained(folder, safe_serialization=False)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder


def directly(folder, samples):
    """The embedding as transformers' own loading and calling give it."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

    model = WavLMForXVector.from_pretrained(folder).eval()
    inputs = Wav2Vec2FeatureExtractor(do_normalize=True)(
        measures.at_level(samples), sampling_rate=RATE, return_tensors="pt"
    )
    with torch.no_grad():
        vector = model(**inputs).embeddings[0].numpy()
    return vector / np.linalg.norm(vector)


def test_wavlm_gives_unit_vectors_that_gain_does_not_change(wavlm_folder):
    embed = speakers.embedder("wavlm", wavlm_folder)
    samples = voices.say(voices.SENTENCES[0])
    vector = embed(measures.at_level(samples))
    assert vector.shape == (12,)
    np.testing.assert_allclose(vector, directly(wavlm_folder, samples), atol=1e-5)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert speakers.similarity(vector, embed(measures.at_level(samples * 0.1))) == pytest.approx(1, abs=1e-4)
    assert speakers.similarity(vector, embed(measures.at_level(voices.say(voices.SENTENCES[1])))) < 0.99999
    with pytest.raises(Unmeasurable, match="s of audio"):
        embed(samples[: RATE // 2])
