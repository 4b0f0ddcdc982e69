"""The device of a heavy step."""

import pytest
import torch
from xtts_cloning import compute
from xtts_cloning.errors import UserError


@pytest.mark.parametrize(("capability", "usable"), [((5, 0), True), ((9, 0), True), ((3, 7), False), ((12, 0), False)])
def test_a_gpu_that_the_pinned_torch_has_no_code_for(monkeypatch, capability, usable):
    """On a cluster no preflight sees the GPU, so the job itself says what is wrong with it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    wanted = {"device": "auto", "threads": torch.get_num_threads()}
    if usable:
        assert compute.prepare(wanted).type == "cuda"
    else:
        with pytest.raises(UserError, match=r"Some GPU has compute capability .*, torch 2\.1\.0 knows 5\.0 to 9\.0"):
            compute.prepare(wanted)
    assert compute.prepare({**wanted, "device": "cpu"}).type == "cpu"
