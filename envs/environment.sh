# shellcheck shell=bash
# The environment of the driver, the preflight and every rule, in the virtual environment and in the image alike: what
# a module system, an image or a shell's start-up file has set for other programs does not reach them.
# Sourced by bash in the checkout, by the Makefile's recipes and at the head of each rule; twice does no harm.

# Another interpreter's packages and settings, a profile for other workflows, the frameworks that transformers may use.
unset "${!PYTHON@}" SNAKEMAKE_PROFILE USE_TF USE_TORCH USE_JAX USE_FLAX
export PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1
export PYTHONUTF8=1 # whatever the locale: titles and texts reach the scripts as they stand in the config
export MPLBACKEND=agg

# A folder with CUDA or torch in it goes: torch brings its own. Others stay, because the interpreter's own libraries may
# lie there, or the driver's.
if [ -n "${LD_LIBRARY_PATH:-}" ]; then
  kept=
  cuda='lib@(cudart|cublas|cudnn|cufft|curand|cusolver|cusparse|nccl|nvrtc|nvJitLink|c10|torch)*'
  while IFS= read -r -d : folder; do
    (shopt -s extglob && cd "$folder" && compgen -G "$cuda") || kept=$kept${kept:+:}$folder
  done &>/dev/null <<<"$LD_LIBRARY_PATH:"
  export LD_LIBRARY_PATH=$kept
  unset kept cuda folder
fi

# No cache lands in the home folder or among the code; a token saved there for the model hub is still found.
export HF_TOKEN_PATH=${HF_TOKEN_PATH:-${HF_HOME:-${XDG_CACHE_HOME:-~/.cache}/huggingface}/token}
export XDG_CACHE_HOME=$PWD/.snakemake/cache
export HF_HOME=${HF_HOME:-$XDG_CACHE_HOME/huggingface}
export NUMBA_CACHE_DIR=$XDG_CACHE_HOME/numba MPLCONFIGDIR=$XDG_CACHE_HOME/matplotlib

export OMP_WAIT_POLICY=PASSIVE # threads that spin while they wait take ten times the work's own time where others run
