"""The fine-tuning step against the library's own trainer: batch preparation, losses, optimizer, weights after steps."""

import random

import library_training
import pytest
import torch
from made_clips import RATE, write_manifest
from xtts_cloning import files
from xtts_cloning.model import loading
from xtts_cloning.training import features
from xtts_cloning.training.batches import collate, fixed_prompt, hide_prompt, random_prompt, read_clips, special_tokens
from xtts_cloning.training.loop import Trainer, evaluate, train_step
from xtts_cloning.training.losses import fuse, losses
from xtts_cloning.training.optimization import weights_and_others

SECONDS = [3.4, 1.0, 2.2, 6.3]  # the last is long enough for a prompt of 3 to 6 s
SETTINGS = {
    "batch_size": 4,
    "grad_accum": 1,
    "gradient_checkpointing": False,
    "max_steps": 9,
    "warmup_steps": 0,
    "lr_final_fraction": 1.0,
}
SETTINGS |= {"lr": 5.0e-4, "weight_decay": 0.01, "grad_clip": 1.0}
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def threads():
    torch.set_num_threads(2)  # importing the library's trainer leaves one


class Setting:
    """A model of ours, clips read by us, and what the library makes of the same."""

    def __init__(self, standin, folder):
        self.library = library_training.make_trainer(standin, SETTINGS["lr"], SETTINGS["weight_decay"])
        self.model = loading.read(standin)
        fuse(self.model.gpt)
        stats = torch.load(standin / "mel_stats.pth")
        dvae = features.load_dvae(standin / "dvae.pth", 1024)
        mel = features.code_mel(stats)
        manifest = write_manifest(folder / "mdata_train.csv", SECONDS, seed=3)
        self.clips = read_clips(manifest, self.model.tokenizer, "en", lambda wav: features.audio_codes(wav, dvae, mel))
        self.prompt_mel = features.prompt_mel(stats)
        self.tokens = special_tokens(self.model.gpt)

    def trainer(self) -> Trainer:
        return Trainer(self.model.gpt, self.prompt_mel, SETTINGS, 7, CPU, "fp32")

    def prompts(self, step: int) -> list[tuple[int, int]]:
        return [random_prompt(len(clip.wav), random.Random(step * 100 + i)) for i, clip in enumerate(self.clips)]

    def library_batch(self, prompts) -> dict:
        """The library's batch, with our audio codes; its own are kept in library_codes."""
        batch = self.library.format_batch_on_device(library_training.loaded_batch(self.clips, prompts))
        self.library_codes = batch["audio_codes"]
        codes = [clip.codes for clip in self.clips]
        return {**batch, "audio_codes": torch.nn.utils.rnn.pad_sequence(codes, batch_first=True)}


@pytest.fixture
def setting(standin, tmp_path):
    return Setting(standin, tmp_path)


def without_dropout(gpt) -> None:
    """Sequences without gaps are shorter than the library's, so that one seed drops other places of them."""
    for module in gpt.gpt.modules():
        if isinstance(module, torch.nn.Dropout):
            assert module.p == 0.1
            module.p = 0.0


def test_training_steps_give_the_library_s_losses_and_weights(setting):
    trainer, library_optimizer = setting.trainer(), setting.library.get_optimizer()
    without_dropout(setting.model.gpt)
    without_dropout(setting.library.xtts.gpt)
    initial = {name: value.clone() for name, value in setting.model.gpt.state_dict().items()}
    hidden = 0
    for step in range(1, 5):
        prompts = setting.prompts(step)
        batch = collate(setting.clips, prompts, setting.tokens)
        visible = (batch.audio_targets != -1).sum()
        hide_prompt(batch.audio_targets, prompts[-1])
        hidden += visible - (batch.audio_targets != -1).sum()
        ours = train_step(trainer, iter([batch]), step)

        torch.manual_seed(files.keyed_seed(7, "step", step))
        gpt = setting.library.xtts.gpt.train()
        _, library_losses = setting.library.train_step(setting.library_batch(prompts), None)
        library_losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), SETTINGS["grad_clip"])
        library_optimizer.step()
        library_optimizer.zero_grad()
        torch.testing.assert_close(ours, library_losses["loss"].detach(), rtol=1e-5, atol=1e-5)
    assert hidden > 0, "no step had a prompt that the library hides from the loss"
    theirs = gpt.state_dict()
    for name, value in setting.model.gpt.state_dict().items():
        moved = (theirs[name] - initial[name]).norm()
        assert (value - theirs[name]).norm() <= 1e-3 * moved + 1e-6, name
    assert sum((theirs[name] - initial[name]).norm() for name in initial) > 1


def test_dropout_drops_what_it_does_in_the_library(setting):
    """In attention and beside it: the mean loss of many draws is the library's, and so is their spread."""
    prompts = setting.prompts(1)
    batch = collate(setting.clips, prompts, setting.tokens)
    hide_prompt(batch.audio_targets, prompts[-1])
    mels, ours, theirs = setting.prompt_mel(batch.prompts), [], []
    setting.model.gpt.train()
    setting.library.xtts.gpt.train()
    prepared = setting.library_batch(prompts)
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(30):
            ours.append(losses(setting.model.gpt, batch, mels)[1])
            fresh = prepared | {
                name: prepared[name].clone() for name in ("cond_idxs", "audio_codes")
            }  # changed in place
            theirs.append(setting.library.train_step(fresh, None)[1]["loss_mel_ce"])
    ours, theirs = torch.stack(ours), torch.stack(theirs)
    spread = theirs.std()
    assert spread > 1e-3 and spread / 2 < ours.std() < spread * 2
    assert abs(ours.mean() - theirs.mean()) < spread


def test_evaluation_gives_the_library_s_eval_step(setting):
    prompts = [fixed_prompt(len(clip.wav)) for clip in setting.clips]
    ours = evaluate(setting.trainer(), [collate(setting.clips, prompts, setting.tokens)])
    with torch.no_grad():
        _, theirs = setting.library.eval_step(setting.library_batch(prompts), None)
    assert ours == pytest.approx(float(theirs["loss"]), abs=1e-5)


def test_audio_codes_are_those_of_a_library_batch_with_longer_clips(setting):
    """The codes of all clips but the longest, whose surroundings differ, and of the longest but for its end."""
    setting.library_batch(setting.prompts(0))
    for clip, theirs in zip(setting.clips, setting.library_codes, strict=True):
        assert len(clip.codes) == -(-len(clip.wav) // 1024)
        equal = len(clip.codes) if len(clip.wav) < 6 * RATE else len(clip.codes) - 8
        assert clip.codes[:equal].tolist() == theirs[:equal].tolist()
    assert len(set(torch.cat([clip.codes for clip in setting.clips]).tolist())) > 3


def test_the_same_parameters_decay_as_in_the_library(setting):
    theirs = [set(names) for names in setting.library.get_optimizer()._group_names]
    assert [set(part) for part in weights_and_others(setting.model.gpt)] == theirs
