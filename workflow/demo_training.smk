# The demo's model from nothing: `make demo-model`. Nothing of it runs in the demo, which has the weights in
# workflow/resources/demo. Needs flite (Debian, Ubuntu: apt-get install libflite1). What was stopped goes on where it was.
configfile: "config/demo_training.yaml"


SCRIPTS = "workflow/scripts"
WORK = "results/demo_training"
SHARDS = config["shards"]

shell.prefix("set -euo pipefail; export PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 OMP_WAIT_POLICY=PASSIVE; ")


rule all:
    default_target: True
    input:
        f"{WORK}/model/weights.safetensors",
        f"{WORK}/speech/metadata.csv",


rule corpus:
    output:
        f"{WORK}/corpus/{{number}}.npz",
    params:
        seed=config["seed"],
        number=lambda wildcards: int(wildcards.number),
        with_samples=config["shards_with_samples"],
    shell:
        "python {SCRIPTS}/demo_corpus.py --output {WORK}/corpus --seed {params.seed} --first {params.number} --count 1 "
        "--with-samples {params.with_samples}"


rule other_speakers:
    output:
        f"{WORK}/evaluation/{SHARDS:04d}.npz",
    params:
        seed=config["seed"],
    shell:
        "python {SCRIPTS}/demo_corpus.py --output {WORK}/evaluation --seed {params.seed} --first {SHARDS} --count 1 "
        "--with-samples $(({SHARDS} + 1))"


def shards(count):
    return [f"{WORK}/corpus/{number:04d}.npz" for number in range(count)]


rule codebook:
    input:
        shards(config["codebook_shards"]),
    output:
        f"{WORK}/codebook.safetensors",
    params:
        seed=config["seed"],
    shell:
        "python {SCRIPTS}/demo_codebook.py --shards {input:q} --output {output:q} --seed {params.seed}"


rule gpt:
    input:
        shards=shards(SHARDS),
        evaluation=rules.other_speakers.output,
        codebook=rules.codebook.output,
    output:
        touch(f"{WORK}/gpt.done"),
    threads: config["threads"]
    params:
        seed=config["seed"],
        steps=config["gpt_steps"],
    shell:
        "python {SCRIPTS}/demo_gpt.py --corpus {WORK}/corpus --evaluation {input.evaluation:q} "
        "--codebook {input.codebook:q} --output {WORK}/gpt --steps {params.steps} --seed {params.seed} "
        "--threads {threads}"


rule vocoder_of_mels:
    input:
        shards=shards(config["shards_with_samples"]),
        evaluation=rules.other_speakers.output,
    output:
        touch(f"{WORK}/vocoder_of_mels.done"),
    threads: config["threads"]
    params:
        seed=config["seed"],
        steps=config["vocoder_steps"],
        lr=config["vocoder_lr"],
    shell:
        "python {SCRIPTS}/demo_vocoder.py --shards {input.shards:q} --evaluation {input.evaluation:q} "
        "--output {WORK}/vocoder_of_mels.pt --steps {params.steps} --lr {params.lr} --seed {params.seed} "
        "--threads {threads}"


rule vocoder:
    input:
        shards=shards(config["shards_with_samples"]),
        evaluation=rules.other_speakers.output,
        codebook=rules.codebook.output,
        gpt=rules.gpt.output,
        start=rules.vocoder_of_mels.output,
    output:
        touch(f"{WORK}/vocoder.done"),
    threads: config["threads"]
    params:
        seed=config["seed"],
        steps=config["vocoder_latent_steps"],
        lr=config["vocoder_lr"],
    shell:
        "python {SCRIPTS}/demo_vocoder.py --shards {input.shards:q} --evaluation {input.evaluation:q} "
        "--gpt {WORK}/gpt --codebook {input.codebook:q} --start {WORK}/vocoder_of_mels.pt --output {WORK}/vocoder.pt "
        "--steps {params.steps} --lr {params.lr} --seed {params.seed} --threads {threads}"


rule weights:
    input:
        rules.gpt.output,
        rules.vocoder.output,
        codebook=rules.codebook.output,
    output:
        f"{WORK}/model/weights.safetensors",
    shell:
        "python {SCRIPTS}/demo_weights.py --gpt {WORK}/gpt --vocoder {WORK}/vocoder.pt --codebook {input.codebook:q} "
        "--output {WORK}/model"


rule recordings:
    output:
        f"{WORK}/speech/metadata.csv",
    params:
        seed=config["seed"],
    shell:
        "python {SCRIPTS}/demo_recordings.py --seed {params.seed} --output {WORK}/speech"
