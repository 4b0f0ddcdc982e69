# The GPT, trained on the speaker's clips. What a killed training goes on from lies in finetune/state-<hash>/, which
# Snakemake does not know of and so does not delete.
rule finetune:
    input:
        **code("finetune"),
        model=f"{MODEL}/model.pth",
        beside=expand(f"{MODEL}/{{name}}", name=["config.json", "vocab.json", "dvae.pth", "mel_stats.pth"]),
        train=f"{DATA}/mdata_train.csv",
        eval=f"{DATA}/mdata_eval.csv",
        wavs=f"{DATA}/wavs",
    output:
        model=f"{RESULTS}/finetune/model.pth",
        config=f"{RESULTS}/finetune/config.json",
        vocab=f"{RESULTS}/finetune/vocab.json",
        history=f"{RESULTS}/finetune/history.csv",
        summary=f"{RESULTS}/finetune/summary.json",
        timing=f"{RESULTS}/finetune/timing.json",
    log:
        f"{RESULTS}/logs/finetune.log",
    benchmark:
        f"{RESULTS}/benchmarks/finetune.tsv"
    retries: 0  # it goes on from its last save; what failed in it fails again
    container:
        CONTAINER
    threads: config["compute"]["threads"]
    resources:
        mem_mb=32000,  # full size on a CPU: weights, gradients, two moments, activations, the state being written
        runtime=720,
        gpu=1 if config["compute"]["device"] != "cpu" else 0,
    params:
        settings=settings("finetune"),
        lock=LOCK,
        model=subpath(input.model, parent=True),
        folder=subpath(output.model, parent=True),
    shell:
        "python {input.script} --settings {params.settings:q} --model {params.model:q} --train {input.train:q}"
        " --eval {input.eval:q} --output {params.folder:q} 2>&1 | tee {log:q}"
