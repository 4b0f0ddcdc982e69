# Speech of the model as downloaded (zero_shot) and as fine-tuned, from the same texts, reference and seeds. And, where
# the config names one, a speaker that comes with the model says the held-out sentences: the floor of the similarity.
LINES = literal(config["synthesis"]["lines"])
BUILTIN_SPEAKER = configuration.builtin_speaker(config)
SPOKEN_WITH = {"zero_shot": MODEL, "finetuned": f"{RESULTS}/finetune", "other_speaker": MODEL}


rule synthesize:
    input:
        **code("synthesize"),
        model=lambda wildcards: f"{SPOKEN_WITH[wildcards.system]}/model.pth",
        config=lambda wildcards: f"{SPOKEN_WITH[wildcards.system]}/config.json",
        vocab=lambda wildcards: f"{SPOKEN_WITH[wildcards.system]}/vocab.json",
        voice=unless_other(f"{DATA}/reference.wav", f"{MODEL}/speakers_xtts.pth"),
        test=f"{DATA}/mdata_test.csv",
        lines=unless_other(LINES, []),
    output:
        directory(f"{RESULTS}/speech/{{system}}"),
    log:
        f"{RESULTS}/logs/synthesize_{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesize_{{system}}.tsv"
    wildcard_constraints:
        system="zero_shot|finetuned" + ("|other_speaker" if BUILTIN_SPEAKER else ""),
    container:
        CONTAINER
    threads: config["compute"]["threads"]
    resources:
        mem_mb=growing(12000),
        runtime=growing(120),
        gpu=1 if config["compute"]["device"] != "cpu" else 0,
    params:
        settings=unless_other(settings("synthesize"), settings("synthesize_other_speaker")),
        lock=LOCK,
        model=subpath(input.model, parent=True),
        voice=unless_other(["--reference", f"{DATA}/reference.wav"], ["--speaker", BUILTIN_SPEAKER]),
        texts=unless_other(["--phrases", "--lines", LINES], []),
    shell:
        "python {input.script} --settings {params.settings:q} --model {params.model:q} {params.voice:q}"
        " {params.texts:q} --test {input.test:q} --output {output:q} 2>&1 | tee {log:q}"
