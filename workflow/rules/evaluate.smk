# How good the speech of both systems is, against the held-out recordings; and a picture of every clip.
MEASURED_WITH = {
    "asr": "pocketsphinx",
    "similarity": "resemblyzer",
}  # offline, with the weights in their wheels
OTHER_SPEAKER = f"{RESULTS}/speech/other_speaker"
if not BUILTIN_SPEAKER:
    OTHER_SPEAKER = literal(config["evaluation"]["other_speaker"] or "")
HUB_MEASURES = {
    key: config["evaluation"][key] for key, offline in MEASURED_WITH.items() if config["evaluation"][key] != offline
}


localrules:
    download_measure_model,


rule download_measure_model:
    input:
        **code("download_measure_model"),
    output:
        directory("data/models/measures/{name}"),
    log:
        "data/models/logs/download_{name}.log",
    wildcard_constraints:
        name="whisper|wavlm",
    container:
        CONTAINER
    params:
        lock=LOCK,
    shell:
        "python {input.script} --model {wildcards.name:q} --output {output:q} 2>&1 | tee {log:q}"


rule evaluate:
    input:
        **code("evaluate"),
        **{f"{key}_model": f"data/models/measures/{name}" for key, name in HUB_MEASURES.items()},
        test=f"{DATA}/mdata_test.csv",
        wavs=f"{DATA}/wavs",
        reference=f"{DATA}/reference.wav",
        speech=expand(f"{RESULTS}/speech/{{system}}", system=["zero_shot", "finetuned"]),
        other_speaker=OTHER_SPEAKER or [],
    output:
        metrics=f"{RESULTS}/metrics.csv",
        summary=f"{RESULTS}/summary.json",
        figures=directory(f"{RESULTS}/figures"),
    log:
        f"{RESULTS}/logs/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate.tsv"
    container:
        CONTAINER
    threads: config["compute"]["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
        gpu=1 if HUB_MEASURES and config["compute"]["device"] != "cpu" else 0,
    params:
        settings=settings("evaluate"),
        recordings=fingerprint(OTHER_SPEAKER, "**/*"),
        lock=LOCK,
        data=subpath(input.test, parent=True),
        models=[f"--{key}-model data/models/measures/{name}" for key, name in sorted(HUB_MEASURES.items())],
        other_speaker=["--other-speaker", OTHER_SPEAKER] if OTHER_SPEAKER else [],
    shell:
        "python {input.script} --settings {params.settings:q} --data {params.data:q} --speech {input.speech:q}"
        " --reference {input.reference:q} {params.other_speaker:q} {params.models} --metrics {output.metrics:q}"
        " --summary {output.summary:q} --figures {output.figures:q} 2>&1 | tee {log:q}"
