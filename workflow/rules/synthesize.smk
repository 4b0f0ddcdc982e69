# Speech of the model as downloaded (zero_shot) and as fine-tuned, from the same texts, reference and seeds.
BUILTIN_SPEAKER = configuration.builtin_speaker(config)
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
        voice=["--reference", f"{DATA}/reference.wav"],
        texts=["--phrases", "--lines", config["synthesis"]["lines"]],
    shell:
        "python {input.script} --settings {params.settings:q} --model {params.model:q} {params.voice:q}"
        " {params.texts:q} --test {input.test:q} --output {output:q} 2>&1 | tee {log:q}"


# A speaker that comes with the model says the held-out sentences: what similarity is between two people.
if BUILTIN_SPEAKER:

    use rule synthesize as synthesize_other_speaker with:
        input:
            **code("synthesize"),
            model=f"{MODEL}/model.pth",
            beside=expand(f"{MODEL}/{{name}}", name=["config.json", "vocab.json", "speakers_xtts.pth"]),
            test=f"{DATA}/mdata_test.csv",
        output:
            directory(f"{RESULTS}/speech/other_speaker"),
        log:
            f"{RESULTS}/logs/synthesize_other_speaker.log",
        benchmark:
            f"{RESULTS}/benchmarks/synthesize_other_speaker.tsv"
        params:
            settings=settings("synthesize_other_speaker"),
            lock=LOCK,
            model=subpath(input.model, parent=True),
            voice=["--speaker", BUILTIN_SPEAKER],
            texts=[],
