"""From a text and a voice to audio.

In: phrases, lines or held-out transcripts, conditioning latents, a loaded model. Out: WAVs, manifest.csv, timing.csv.
Read one utterance's way: utterances (its sentences), speaking (its takes), decoding (the engine: slots, gpt_step,
sampling), vocoder (its sound).
"""
