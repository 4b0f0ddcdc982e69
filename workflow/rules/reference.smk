# The clip that the voice is cloned from.
rule reference:
    input:
        **code("reference"),
        train=f"{DATA}/mdata_train.csv",
        eval=f"{DATA}/mdata_eval.csv",
        test=f"{DATA}/mdata_test.csv",
        wavs=f"{DATA}/wavs",
        named=[literal(clip) for clip in [config["reference"]["clip"]] if Path(clip).is_file()],
    output:
        wav=f"{DATA}/reference.wav",
        explanation=f"{DATA}/reference.json",
    log:
        f"{RESULTS}/logs/reference.log",
    benchmark:
        f"{RESULTS}/benchmarks/reference.tsv"
    container:
        CONTAINER
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        settings=settings("reference"),
        recording=[fingerprint(clip) for clip in [config["reference"]["clip"]] if Path(clip).is_file()],
        lock=LOCK,
    shell:
        "python {input.script} --settings {params.settings:q} --train {input.train:q} --eval {input.eval:q} "
        "--test {input.test:q} --wav {output.wav:q} --explanation {output.explanation:q} 2>&1 | tee {log:q}"
