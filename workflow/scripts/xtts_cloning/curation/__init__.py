"""From raw recordings of any length to clips that can be trusted.

In: a folder of recordings, with scripts beside them; a speech recogniser. Out: each recording's spans of speech, the
words or the written text of each, and which of them make a clip.
Read: recordings (what is there), decoding, pauses (where may be cut), recognition (who says what when), script (the
written text of it), sentences (which pauses are cut), clips (one recording from end to end).
"""
