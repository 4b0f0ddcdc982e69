# The page that shows a run, and the clips compressed for it: a new title costs seconds, not another pass over the audio.
SYSTEMS = ["zero_shot", "finetuned"]
SPOKEN = SYSTEMS + ["other_speaker"] * bool(BUILTIN_SPEAKER)


rule page_audio:
    input:
        **code("page_audio"),
        test=f"{DATA}/mdata_test.csv",
        wavs=f"{DATA}/wavs",
        reference=f"{DATA}/reference.wav",
        speech=expand(f"{RESULTS}/speech/{{system}}", system=SYSTEMS),
    output:
        directory(f"{RESULTS}/page_audio"),
    log:
        f"{RESULTS}/logs/page_audio.log",
    benchmark:
        f"{RESULTS}/benchmarks/page_audio.tsv"
    container:
        CONTAINER
    threads: config["compute"]["threads"]
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        lock=LOCK,
    shell:
        "python {input.script} --test {input.test:q} --reference {input.reference:q} --speech {input.speech:q}"
        " --threads {threads} --output {output:q} 2>&1 | tee {log:q}"


rule report:
    input:
        **code("report"),
        page=sorted(map(str, Path("workflow/report").iterdir())),
        data=expand(f"{DATA}/{{name}}", name=["mdata_test.csv", "clips.csv", "rejected.csv"]),
        reference=f"{DATA}/reference.json",
        finetuned=expand(
            f"{RESULTS}/finetune/{{name}}",
            name=["history.csv", "summary.json", "timing.json"],
        ),
        speech=expand(f"{RESULTS}/speech/{{system}}", system=SPOKEN),
        audio=f"{RESULTS}/page_audio",
        metrics=f"{RESULTS}/metrics.csv",
        summary=f"{RESULTS}/summary.json",
        figures=f"{RESULTS}/figures",
        model=f"{MODEL}/config.json",
    output:
        page=report(
            f"{RESULTS}/report.html",
            caption="../report/caption.rst",
            category="Report",
            labels={"run": RUN},
        ),
        provenance=f"{RESULTS}/provenance.json",
        crate=f"{RESULTS}/ro-crate-metadata.json",
        workflow=directory(f"{RESULTS}/workflow"),
    log:
        f"{RESULTS}/logs/report.log",
    container:
        CONTAINER
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=settings("report"),
        lock=LOCK,
        data=subpath(input.reference, parent=True),
        results=subpath(output.page, parent=True),
        model=subpath(input.model, parent=True),
    shell:
        "python {input.script} --settings {params.settings:q} --data {params.data:q} --results {params.results:q}"
        " --model {params.model:q} --output {output.page:q} 2>&1 | tee {log:q}"
