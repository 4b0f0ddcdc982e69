# The voice to take away, for `make export`: what other programs that speak XTTS-v2 want of a voice, in one folder.
rule export:
    input:
        **code("export"),
        model=f"{RESULTS}/finetune/model.pth",
        beside=expand(f"{RESULTS}/finetune/{{name}}", name=["config.json", "vocab.json"]),
        reference=f"{DATA}/reference.wav",
        clips=f"{DATA}/clips.csv",
        summary=f"{RESULTS}/summary.json",
    output:
        directory(f"{RESULTS}/export"),
    log:
        f"{RESULTS}/logs/export.log",
    container:
        CONTAINER
    threads: config["compute"]["threads"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        settings=settings("export"),
        lock=LOCK,
        model=subpath(input.model, parent=True),
    shell:
        "python {input.script} --settings {params.settings:q} --model {params.model:q} --reference {input.reference:q}"
        " --clips {input.clips:q} --summary {input.summary:q} --output {output:q} 2>&1 | tee {log:q}"
