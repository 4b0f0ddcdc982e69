"""The embedded default's own input, made from nothing: a voice to clone and a model to clone it with.

In: a seed. Out: an archive in LJSpeech layout, a folder in the hub's layout.
Read: espeak, standin. And what trains a small model that speaks, from synthetic speech to packed weights
(docs/demo-model.md): tokens, codebook, network, lessons, muon, narrow_vocoder, embedding, packing.
"""
