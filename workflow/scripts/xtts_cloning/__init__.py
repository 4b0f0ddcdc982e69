"""The library behind the workflow's command-line scripts, one room for each part of the pipeline.

The modules in this folder serve every room: `config`, `errors`, `files`, `products`, `audio` (with `containers` and
`mp3_frames`), `compute`, `machine`, `version`, `words`. A room knows those before it and none after it: model, data,
speech and training (which do not know each other), evaluation, curation, report, demo, driver. `make lint` holds
that; docs/architecture.md draws it.
"""
