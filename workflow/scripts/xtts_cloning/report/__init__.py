"""One page that shows a run, and the records beside it.

In: everything that a run has left. Out: report.html, provenance.json, ro-crate-metadata.json.
Read: page (the whole), comparison (the summary), listen, sections (fine-tuning, data, reference, speed), charts, dag,
costs, source_figures; run_files and scores read what is there; provenance and crate record it; mp3 packs the audio;
voice_card describes an exported voice.
"""
