"""XTTS-v2 itself: what it weighs, reads and hears.

In: the hub's files, a text, a reference clip. Out: the library's own modules with checked weights, token ids,
conditioning latents.
Read: downloads, checkpoints (hostile until checked), config, library (the pieces of TTS 0.21.3), loading, characters,
normalization and number_words (what the library's cleaners get wrong), texts, languages, latents, attention (which
kernels are right here), builtin_speakers, hallucinations (what the model is known to do wrong).
"""
