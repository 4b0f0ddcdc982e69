"""What is decided before and around the jobs: checks, sizes, the image, the cluster.

In: the config, the machine. Out: findings with their remedies, names and states.
Read: preflight (places, input_checks, model_checks, machine_checks; findings and remote serve them), needs, images,
slurm.
"""
