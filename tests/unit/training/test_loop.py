"""The training loop: killed anywhere it ends with the same weights; what it stops for; what it keeps and exports."""

import errno
import math
import resource
from contextlib import contextmanager

import pandas as pd
import pytest
import torch
from training_case import CPU, SETTINGS, Case, Killed, killed_at, shorten_prompts
from xtts_cloning import files
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints
from xtts_cloning.training import batches, features, loop, state
from xtts_cloning.training.optimization import learning_rate


@pytest.fixture(scope="module")
def case(standin, tmp_path_factory):
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        shorten_prompts(patch)
        yield Case(standin, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def undisturbed(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return *case.train(folder), folder


KILLS = {
    "before the first save": (loop, "train_step", 2),
    "in a step": (loop, "train_step", 7),
    "in the zero-shot evaluation": (loop, "evaluate", 1),
    "in an evaluation": (loop, "evaluate", 4),
    "writing the best weights of step 3": (torch, "save", 1),
    "writing the state of step 4": (torch, "save", 2),
    "writing the best weights of step 6": (torch, "save", 3),
    "writing the state of step 8": (torch, "save", 4),
    "removing old weights after a save": (state, "keep_only_best", 3),
    "in the last step": (loop, "train_step", 12),
}


@pytest.mark.parametrize("moment", KILLS)
def test_killed_and_started_again_it_ends_with_the_same_weights(case, undisturbed, moment, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_at(patch, *KILLS[moment])
        with pytest.raises(Killed):
            case.train(tmp_path)
    progress, weights = case.train(tmp_path)
    expected, expected_weights, folder = undisturbed
    assert progress.history == expected.history and progress.best_step == expected.best_step
    assert all(torch.equal(weights[name], value) for name, value in expected_weights.items())
    best = f"best-{expected.best_step}.pth"
    assert files.sha256(tmp_path / best) == files.sha256(folder / best)
    assert {path.name for path in tmp_path.glob("best-*")} == {best}
    assert not list(tmp_path.glob(".*.partial"))


def test_the_undisturbed_run_learns_and_keeps_a_full_history(undisturbed, case):
    progress, weights, folder = undisturbed
    table = pd.read_csv(folder / "history.csv")
    assert list(table.columns) == ["step", "train_loss", "eval_loss", "lr"]
    assert table.step.tolist() == [0, 3, 6, 9, 10, 12]
    assert table.step[table.eval_loss.notna()].tolist() == [0, 3, 6, 9, 12]
    assert math.isnan(table.train_loss[0]) and table.train_loss[1:].notna().all()
    assert progress.best_loss < progress.zero_shot_loss - 0.3
    assert progress.best_loss == pytest.approx(table.eval_loss.min(), abs=1e-6)
    frozen = [name for name, value in case.model.gpt.state_dict().items() if torch.equal(value, weights[name])]
    assert not frozen, "some parameters did not learn"
    assert list((folder / "events").glob("events.out.tfevents.*"))


def test_gradient_checkpointing_gives_the_same_weights(case, undisturbed, tmp_path):
    progress, weights = case.train(tmp_path, case.trainer(gradient_checkpointing=True))
    assert progress.history == undisturbed[0].history
    assert all(torch.equal(weights[name], value) for name, value in undisturbed[1].items())


def test_gradient_checkpointing_keeps_less_for_the_backward_pass(case):
    def kept(checkpointing: bool) -> int:
        """Bytes that the transformer's layers keep."""
        trainer, sizes = case.trainer(gradient_checkpointing=checkpointing), []
        hidden = torch.zeros(2, 50, trainer.gpt.model_dim, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: sizes.append(tensor.nbytes), lambda size: None):
            trainer.gpt.train().gpt(inputs_embeds=hidden)
        return sum(sizes)

    assert kept(True) < 0.3 * kept(False)


def test_gradient_checkpointing_keeps_less_of_the_conditioning_encoder(case):
    def kept(checkpointing: bool) -> int:
        """Bytes that the encoder's blocks keep; the weights, which are there anyway, are not counted."""
        encoder, sizes = case.trainer(gradient_checkpointing=checkpointing).gpt.conditioning_encoder, []
        weights = {weight.data_ptr() for weight in encoder.parameters()}

        def keep(tensor):
            sizes.append(0 if tensor.data_ptr() in weights else tensor.nbytes)

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda _: None):
            encoder(torch.zeros(2, 80, 200))
        return sum(sizes)

    assert kept(True) < 0.2 * kept(False)


@pytest.mark.parametrize("other", [{"save_interval": 5}, {"save_interval": 100}])
def test_saves_may_come_at_other_steps_after_a_kill(case, undisturbed, other, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_at(patch, loop, "train_step", 8)
        with pytest.raises(Killed):
            case.train(tmp_path)
    progress, weights = case.train(tmp_path, case.trainer(**other))
    assert progress.history == undisturbed[0].history
    assert all(torch.equal(weights[name], value) for name, value in undisturbed[1].items())
    best = f"best-{progress.best_step}.pth"
    assert files.sha256(tmp_path / best) == files.sha256(undisturbed[2] / best)


def test_the_best_weights_are_written_at_a_save_and_at_the_end_only(case, tmp_path, monkeypatch):
    values = iter([9.0, *map(float, range(8, 2, -1))])  # every evaluation is the best so far
    monkeypatch.setattr(loop, "evaluate", lambda *_: next(values))
    written, real = [], state.write
    monkeypatch.setattr(state, "write", lambda content, path: (written.append(path.name), real(content, path)))
    case.train(tmp_path, case.trainer(eval_interval=2, save_interval=8))
    assert written == ["best-8.pth", "latest.pth", "best-12.pth"]


def test_the_best_weights_are_those_of_their_evaluation(case, tmp_path, monkeypatch):
    values, seen = iter([9.0, 5.0, 6.0, 7.0, 8.0]), {}

    def evaluated(trainer, _):
        seen[value := next(values)] = {name: tensor.clone() for name, tensor in trainer.gpt.state_dict().items()}
        return value

    monkeypatch.setattr(loop, "evaluate", evaluated)
    progress, weights = case.train(tmp_path)
    best = state.load_best(tmp_path, progress)
    assert progress.best_step == 3 and best.keys() == seen[5.0].keys()
    assert all(torch.equal(best[name], value) for name, value in seen[5.0].items())
    assert any(not torch.equal(best[name], value) for name, value in weights.items())


def test_another_device_s_precision_goes_on_and_is_noted(case, tmp_path):
    case.train(tmp_path, case.trainer("bf16", max_steps=4, eval_interval=4))
    saved = checkpoints.load(tmp_path / "latest.pth")
    progress, _ = case.train(tmp_path, case.trainer(max_steps=5))
    assert progress.precisions == [[1, "bf16"], [5, "fp32"]]
    assert progress.history[: len(saved["progress"]["history"])] == saved["progress"]["history"]


def test_another_seed_gives_other_weights(case, undisturbed, tmp_path):
    trainer = case.trainer(max_steps=3)
    trainer.seed = 6
    progress, _ = case.train(tmp_path, trainer)
    assert progress.history[0] == undisturbed[0].history[0]
    assert progress.history[1] != undisturbed[0].history[1]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(case, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", lambda step, _: learning_rate(step, SETTINGS) if step < 7 else 1e30)
        with pytest.raises(UserError, match=r"the loss of step 8 is not finite; lower finetune.lr.*stays in"):
            case.train(tmp_path)
    saved = checkpoints.load(tmp_path / "latest.pth")
    assert saved["progress"]["step"] == 4
    assert all(value.isfinite().all() for value in saved["gpt"].values())
    assert case.train(tmp_path)[0].history == undisturbed[0].history


def test_weights_that_are_not_finite_are_never_saved(case, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "learning_rate", lambda step, _: 1e-3 if step < 8 else float("nan"))
    with pytest.raises(UserError, match="the weights after step 8 are not finite"):
        case.train(tmp_path)
    assert checkpoints.load(tmp_path / "latest.pth")["progress"]["step"] == 4


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_out_of_gpu_memory_names_the_keys_to_change_and_none_that_is_so(checkpointing, precision, batch_size):
    settings = {**SETTINGS, "gradient_checkpointing": checkpointing, "batch_size": batch_size}
    with (
        pytest.raises(UserError, match="Tried to allocate") as raised,
        loop.out_of_memory_explained(settings, precision),
    ):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    told = str(raised.value)
    assert ("gradient_checkpointing" in told) == (not checkpointing)
    assert ("finetune.precision" in told) == (precision == "fp32")
    assert ("batch_size (now 2)" in told and "grad_accum (now 2)" in told) == (batch_size == 2)
    assert "nvidia-smi" in told


def test_a_full_disk_is_told_and_the_last_save_stays(case, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_at(patch, loop, "train_step", 6)
        with pytest.raises(Killed):
            case.train(tmp_path)
    with largest_file(1_000_000), pytest.raises(UserError, match=r"could not be written.*the same command"):
        case.train(tmp_path)
    assert case.train(tmp_path)[0].history == undisturbed[0].history


@contextmanager
def largest_file(size: int):
    """Writes beyond `size` bytes fail, in Python and in torch's C++ alike."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_it_stops_early_after_evaluations_without_a_better_loss(case, tmp_path, monkeypatch):
    values = iter([5.0, 4.0, 4.5, 4.2, 9.9])
    monkeypatch.setattr(loop, "evaluate", lambda *_: next(values))
    progress, _ = case.train(tmp_path, case.trainer(early_stopping_evals=2))
    assert (progress.step, progress.stopped_early, progress.best_step, progress.best_loss) == (9, True, 3, 4.0)
    assert [path.name for path in tmp_path.glob("best-*")] == ["best-3.pth"]


def test_accumulated_batches_give_the_gradient_of_one_large_batch(case):
    """The loss is a mean over the tokens of each forward pass, so this holds for passes of equally many tokens."""
    clip = case.clips[0]
    clips = [clip._replace(codes=clip.codes.roll(shift)) for shift in range(4)]
    prompts = [batches.fixed_prompt(len(clip.wav))] * 4
    whole = [batches.collate(clips, prompts, case.tokens)]
    halves = [batches.collate(clips[half : half + 2], prompts[:2], case.tokens) for half in (0, 2)]
    results = []
    for passes in (whole, halves):
        trainer = case.trainer(grad_accum=len(passes), warmup_steps=0)
        for module in trainer.gpt.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        loss = loop.train_step(trainer, iter(passes), 1)
        results.append((loss, [moments["exp_avg"] for moments in trainer.optimizer.state.values()]))
    torch.testing.assert_close(results[0][0], results[1][0])
    for whole_gradient, accumulated in zip(*(gradients for _, gradients in results), strict=True):
        torch.testing.assert_close(whole_gradient, accumulated, rtol=1e-3, atol=1e-6)


def test_bf16_on_a_cpu_trains_like_fp32(case, tmp_path, undisturbed):
    trainer = case.trainer("bf16", max_steps=4, lr_final_fraction=1.0)
    progress, weights = case.train(tmp_path, trainer)
    assert all(value.dtype == torch.float32 for value in weights.values())
    assert progress.zero_shot_loss == pytest.approx(undisturbed[0].zero_shot_loss, rel=0.01)
    assert progress.best_loss < progress.zero_shot_loss


def test_precision_follows_the_device():
    assert loop.choose_precision("auto", CPU) == "fp32"
    assert loop.choose_precision("bf16", CPU) == "bf16"
    assert loop.choose_precision("fp16", torch.device("cuda")) == "fp16"
    with pytest.raises(UserError, match=r"finetune\.precision is fp16, which needs a GPU; on a CPU use fp32, bf16"):
        loop.choose_precision("fp16", CPU)


def test_learning_rate_rises_and_falls():
    settings = {"lr": 2.0, "warmup_steps": 4, "lr_final_fraction": 0.1, "max_steps": 24}
    rates = [learning_rate(step, settings) for step in range(1, 25)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[13] == pytest.approx(1.1) and rates[-1] == pytest.approx(0.2)
    constant = {**settings, "warmup_steps": 0, "lr_final_fraction": 1.0}
    assert {learning_rate(step, constant) for step in range(1, 25)} == {2.0}


def test_identity_is_of_settings_and_contents(tmp_path):
    settings = {"language": "en", "seed": 1, "compute": {"device": "cuda", "threads": 8}, "finetune": {**SETTINGS}}
    path = tmp_path / "clip.wav"
    path.write_bytes(b"one")
    first = state.identity(settings, [path])
    for same in (
        {"compute": {"device": "cpu", "threads": 1}},
        {"finetune": {**SETTINGS, "save_interval": 7}},
        {"finetune": {**SETTINGS, "gradient_checkpointing": True}},
    ):
        assert state.identity({**settings, **same}, [path]) == first, same
    shaping = SETTINGS.keys() - {"save_interval", "gradient_checkpointing"}
    for other in ({"language": "de"}, {"seed": 2}, *({"finetune": {**SETTINGS, key: 77}} for key in shaping)):
        assert state.identity({**settings, **other}, [path]) != first, other
    swapped = {**SETTINGS, "max_steps": SETTINGS["eval_interval"], "eval_interval": SETTINGS["max_steps"]}
    assert state.identity({**settings, "finetune": swapped}, [path]) != first
    path.write_bytes(b"two")
    assert state.identity(settings, [path]) != first


def test_what_a_gpu_saved_goes_on_on_a_cpu(case, tmp_path):
    saved, resumed = case.trainer(), case.trainer()
    case.train(tmp_path, saved)
    for group in saved.optimizer.param_groups:
        group["fused"] = True
    progress = state.Progress(step=SETTINGS["max_steps"] - 1)
    state.save(tmp_path, progress, saved.gpt, saved.optimizer, saved.scaler)
    resumed_progress, _ = case.train(tmp_path, resumed)
    assert resumed_progress.step == SETTINGS["max_steps"]


DVAES = {  # what is done to the file's weights, and what is said then
    "no first convolution": ({"encoder.0.0.weight": None}, r"encoder\.0\.0\.weight: missing, .*\(512, 80, 3\)"),
    "no codebook": ({"codebook.embed": None}, r"codebook\.embed: missing, expected \(512, 1024\)"),
    "another codebook": ({"codebook.embed": torch.zeros(512, 8)}, r"codebook\.embed: \(512, 8\), expected"),
    "a narrower encoder": ({"encoder.5.bias": torch.zeros(8)}, r"encoder\.5\.bias: \(8,\), expected \(512,\)"),
    "a number for a tensor": ({"encoder.5.bias": 7}, r"encoder\.5\.bias: missing"),
}


@pytest.mark.parametrize("change", DVAES)
def test_a_dvae_without_its_encoder_or_codebook_is_refused(tmp_path, standin, change):
    changed, told = DVAES[change]
    weights = {**checkpoints.load(standin / "dvae.pth"), **changed}
    path = tmp_path / "dvae.pth"
    torch.save({name: value for name, value in weights.items() if value is not None}, path)
    with pytest.raises(UserError, match=rf"(?s)dvae\.pth does not hold.*{told}"):
        features.load_dvae(path, 1024)
    with pytest.raises(UserError, match=told):
        checkpoints.dvae_weights(checkpoints.shapes(path), path, 1024)


@pytest.mark.parametrize("decoder", [{}, {"decoder.0.weight": torch.zeros(3, 3)}])
def test_a_dvae_needs_no_decoder(tmp_path, standin, decoder):
    weights = checkpoints.load(standin / "dvae.pth")
    needed = {name: value for name, value in weights.items() if name.startswith(("encoder.", "codebook.embed"))}
    path = tmp_path / "dvae.pth"
    torch.save(needed | decoder, path)
    mel = torch.randn(1, 80, 64, generator=torch.Generator().manual_seed(1))
    expected = features.load_dvae(standin / "dvae.pth", 1024).get_codebook_indices(mel)
    assert torch.equal(features.load_dvae(path, 1024).get_codebook_indices(mel), expected)


def test_other_write_errors_keep_their_reason(tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(torch, "save", failing)
    with pytest.raises(UserError, match="Permission denied"):
        state.write({}, tmp_path / "x.pth")
