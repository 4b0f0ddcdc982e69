"""What the tables and the report say about each measure: label, unit, direction, and what it is good for and not."""

from typing import NamedTuple


class Measure(NamedTuple):
    """What the tables and the report say about a measure."""

    label: str
    unit: str
    better: str | None  # higher, lower, or None where neither is better
    digits: int
    compared_with: str | None  # None: it needs no reference
    library: str
    good_for: str
    not_for: str


MEASURES = {
    "secs": Measure(
        "speaker similarity (SECS)",
        "cosine",
        "higher",
        3,
        "mean embedding of the held-out recordings of other sentences",
        "resemblyzer (GE2E, Wan et al. 2018), or WavLM with x-vector head (Chen et al. 2022)",
        "Whether the voice is the target's: read it between another speaker's floor and the ceiling of real speech.",
        "Not a naturalness score, and its scale differs between embeddings: numbers from other papers do not compare.",
    ),
    "secs_reference": Measure(
        "similarity to the reference clip",
        "cosine",
        "higher",
        3,
        "the reference clip that was cloned",
        "as speaker similarity",
        "How closely the clip that was heard is imitated, its room and mood included.",
        "Not the speaker as such: a copy of the one clip scores high here. Read speaker similarity first.",
    ),
    "cer": Measure(
        "character error rate (CER)",
        "",
        "lower",
        3,
        "the text that was to be spoken",
        "pocketsphinx or Whisper (Radford et al. 2022), counted by jiwer",
        "Whether the words are there: skipped, repeated or invented text shows.",
        "The recogniser errs on real speech too, so only the distance to the ground truth's value counts.",
    ),
    "wer": Measure(
        "word error rate (WER)",
        "",
        "lower",
        3,
        "the text that was to be spoken",
        "as CER",
        "The field's usual figure of intelligibility; above 1 where more was heard than was to be said.",
        "Coarse on short texts, where one word is a large fraction; otherwise as CER.",
    ),
    "dnsmos_ovrl": Measure(
        "DNSMOS OVRL",
        "MOS 1-5",
        "higher",
        2,
        None,
        "speechmos (DNSMOS P.835, Reddy et al. 2022)",
        "Noise, buzz and distortion, as listeners of denoised calls would rate them.",
        "Signal quality, not naturalness: clean robotic speech beats noisy real speech.",
    ),
    "dnsmos_p808": Measure(
        "DNSMOS P.808",
        "MOS 1-5",
        "higher",
        2,
        None,
        "speechmos (DNSMOS, Reddy et al. 2021)",
        "A second opinion on overall signal quality, from another network and other ratings.",
        "As DNSMOS OVRL: signal quality, not naturalness.",
    ),
    "plcmos": Measure(
        "PLCMOS",
        "MOS 1-5",
        "higher",
        2,
        None,
        "speechmos (PLCMOS v2, Diener et al. 2023)",
        "Gaps, clicks and smeared joints, what lost packets and bad joins sound like.",
        "Trained on packet loss, not on synthesis: no judgement of prosody or voice.",
    ),
    "mcd": Measure(
        "mel-cepstral distance (MCD)",
        "library's scale",
        "lower",
        2,
        "the recording of the same sentence, aligned",
        "mel-cepstral-distance (Kubichek 1993)",
        "Differences in timbre, sound by sound, from the recording; 0 for identical audio.",
        "Penalises any other good reading of the sentence; the scale depends on the settings: compare within a page.",
    ),
    "f0_rmse_cents": Measure(
        "F0 contour error",
        "cents",
        "lower",
        0,
        "the recording of the same sentence, aligned",
        "librosa.pyin (Mauch and Dixon 2014), librosa DTW",
        "Whether pitch and melody follow the speaker's; 100 cents are a semitone.",
        "A sentence can be read with another melody and be just as good; octave errors of the tracker weigh heavily.",
    ),
    "voicing_error": Measure(
        "voicing error",
        "fraction of frames",
        "lower",
        3,
        "the recording of the same sentence, aligned",
        "librosa.pyin, librosa DTW",
        "Whisper, hoarseness and noise where there should be voice, and the reverse.",
        "Creaky voice of the recording itself counts as unvoiced.",
    ),
    "duration_ratio": Measure(
        "duration ratio",
        "",
        None,
        2,
        "the recording of the same sentence",
        "soundfile",
        "Speaking rate: 1 is the recording's; far above 1 means slow speech or invented sound.",
        "Pauses and silence at the ends count, so it says nothing about rhythm.",
    ),
    "loudness_lufs": Measure(
        "loudness",
        "LUFS",
        None,
        1,
        None,
        "pyloudnorm (ITU-R BS.1770-4)",
        "Whether systems differ in level, which listeners take for quality. All other measures are free of it.",
        "Neither higher nor lower is better.",
    ),
}
RTF = Measure(
    "real-time factor (RTF)",
    "wall s / audio s",
    "lower",
    3,
    "the clock",
    "time.perf_counter",
    "Speed: below 1 is faster than real time; its inverse is 'times real time'.",
    "Depends on machine, load and batch: single-stream and batched speed are two numbers.",
)
