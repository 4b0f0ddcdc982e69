"""What can be measured on speech, and what the numbers say.

In: each system's WAVs, the held-out recordings, the reference clip. Out: metrics.csv, summary.json, figures/.
Read: clips (what is compared), measure_table (which measures there are, and what each is good for), measures, speakers,
transcripts, listening (one worker's part), scoring (all clips), summaries (means, intervals, suspects), figures,
hub_models; whisper, a recogniser that knows how sure it is.
"""
