"""From somebody's recordings to what is learnt and what is cloned from.

In: an archive or a folder in LJSpeech layout. Out: checked WAVs, mdata.csv and its splits, rejected.csv with every
reason, the reference clip.
Read: archives, metadata, subset, reference.
"""
