"""Fine-tune the GPT of an XTTS-v2 model on a manifest of clips, and export the best trained step for inference."""

import argparse
from pathlib import Path

from xtts_cloning import config, errors, products

PRODUCTS = ("model.pth", "config.json", "vocab.json", "history.csv", "summary.json", "timing.json")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Killed at any moment, the same command goes on from the last save in OUTPUT/state-<hash>/.",
    )
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--model", required=True, type=Path, help="folder with the model's five files")
    parser.add_argument("--train", required=True, type=Path, help="manifest of the clips to train on (mdata_train.csv)")
    parser.add_argument("--eval", required=True, type=Path, help="manifest of the evaluation clips (mdata_eval.csv)")
    parser.add_argument("--output", required=True, type=Path, help="folder for the fine-tuned model and its history")
    arguments = parser.parse_args()
    inputs = {"--model": arguments.model, "--train": arguments.train, "--eval": arguments.eval}
    products.check([arguments.output / name for name in PRODUCTS], inputs=inputs)
    settings = config.read_settings(arguments.settings, "finetune")

    from xtts_cloning.training.finetuning import finetune  # imports torch and the TTS library: seconds

    finetune(settings, arguments.model, arguments.train, arguments.eval, arguments.output)


if __name__ == "__main__":
    errors.main(main)
