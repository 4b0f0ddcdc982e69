"""The embedded default's own input, made from nothing: a voice to clone and a model to clone it with.

In: a seed. Out: an archive in LJSpeech layout, a folder in the hub's layout.
Read: espeak, standin. And the training of a small model that speaks, from flite's voices to packed weights
(docs/demo-model.md): flite, crowd, sentences, tokens, corpus, codebook, network, lessons, muon, narrow_vocoder,
embedding, packing; recordings speaks what is to be cloned.
"""
