"""Fine-tuning the GPT on one speaker's clips.

In: mdata_train.csv, mdata_eval.csv, a model folder. Out: a model folder of the best trained step, history.csv.
Read: finetuning (the whole), features (what the frozen parts make of a clip), batches, loop, losses, optimization,
state (what a killed training goes on from).
"""
