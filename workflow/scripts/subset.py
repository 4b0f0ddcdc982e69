"""Choose the clips to learn from and to test on, out of an archive or folder in LJSpeech layout, into data/<speaker>/.

Writes wavs/ (22,050 Hz mono PCM 16 bit), mdata.csv (train and eval), mdata_train.csv, mdata_eval.csv, mdata_test.csv
(held out), clips.csv (what was measured on each clip) and rejected.csv (every row left out, and why).
"""

import argparse
from pathlib import Path

from xtts_cloning import config, errors, files, products
from xtts_cloning.data import archives, subset
from xtts_cloning.model import texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--archive", required=True, type=Path, help="a .tar.bz2, .tar.gz or .tar, or a folder")
    parser.add_argument("--vocab", required=True, type=Path, help="the model's vocab.json")
    parser.add_argument("--model-config", required=True, type=Path, help="the model's config.json")
    parser.add_argument("--output", required=True, type=Path, help="the speaker's folder")
    arguments = parser.parse_args()
    inputs = {"--archive": arguments.archive, "--vocab": arguments.vocab, "--model-config": arguments.model_config}
    products.check([arguments.output / name for name in subset.TABLES], [arguments.output / subset.WAVS], inputs)
    settings = config.read_settings(arguments.settings, "subset")
    tokenizer = texts.load_tokenizer(arguments.vocab)
    texts.check_language(tokenizer, settings["language"], arguments.model_config)
    archives.check_sha256(arguments.archive, settings["dataset"]["sha256"])
    names = [*subset.TABLES, subset.WAVS]
    with files.exclusive(arguments.output), products.several(arguments.output, names) as partial:
        summary = subset.make(arguments.archive, tokenizer, settings, partial)
    print(f"{arguments.output}: {summary}")


if __name__ == "__main__":
    errors.main(main)
