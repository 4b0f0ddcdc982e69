"""The systems that the page compares, in the order in which it shows them."""

LABELS = {"ground_truth": "Ground truth", "zero_shot": "Zero-shot", "finetuned": "Fine-tuned"}
SPOKEN = ("zero_shot", "finetuned")
