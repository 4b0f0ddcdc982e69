"""What a benchmark ran on."""

import os
from pathlib import Path


def processor() -> str:
    """The processor's name, the number of cores that this process may use, and what speeds up matrices."""
    fields = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    known = set(fields.get("flags", "").split())
    best = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in known]
    return f"{fields.get('model name', 'unknown')}, {len(os.sched_getaffinity(0))} cores, {' '.join(best)}"
