"""Speech of a crowd that never lived: flite's voices made into many speakers, for the demo's model to learn from.

In: a seed. Out: shards of utterances with mels and the times of their phones; the recordings that the demo clones.
Read: flite, crowd, sentences, corpus, recordings.
"""
