# Speech of the model as downloaded (zero_shot) and as fine-tuned, from the same texts, reference and seeds.
SPOKEN_WITH = {"zero_shot": MODEL, "finetuned": f"{RESULTS}/finetune"}


rule synthesize:
    input:
        **code("synthesize"),
        model=lambda wildcards: f"{SPOKEN_WITH[wildcards.system]}/model.pth",
        config=lambda wildcards: f"{SPOKEN_WITH[wildcards.system]}/config.json",
        vocab=lambda wildcards: f"{SPOKEN_WITH[wildcards.system]}/vocab.json",
        reference=f"{DATA}/reference.wav",
        test=f"{DATA}/mdata_test.csv",
        lines=config["synthesis"]["lines"],
    output:
        directory(f"{RESULTS}/speech/{{system}}"),
    log:
        f"{RESULTS}/logs/synthesize_{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesize_{{system}}.tsv"
    wildcard_constraints:
        system="zero_shot|finetuned",
    container:
        CONTAINER
    threads: config["compute"]["threads"]
    resources:
        mem_mb=growing(12000),
        runtime=growing(120),
        gpu=1 if config["compute"]["device"] != "cpu" else 0,
    params:
        settings=settings("synthesize"),
        lock=LOCK,
        model=subpath(input.model, parent=True),
    shell:
        "python {input.script} --settings {params.settings:q} --model {params.model:q} --reference {input.reference:q}"
        " --phrases --lines {input.lines:q} --test {input.test:q} --output {output:q} 2>&1 | tee {log:q}"
