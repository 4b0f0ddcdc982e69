"""The config is strict, and config, schema and steps do not drift apart."""

import describe_config
import pytest
import yaml
from checkout import ROOT, edit_config, snakemake
from xtts_cloning import config
from xtts_cloning.errors import UserError


def keys(part: dict, prefix: str = "") -> set[str]:
    """Dotted keys of every value; a list or a free mapping counts as one value."""
    return {
        dotted
        for key, value in part.items()
        for dotted in (keys(value, f"{prefix}{key}.") if isinstance(value, dict) and prefix == "" else {prefix + key})
    }


def schema_keys(schema: dict, prefix: str = "") -> dict[str, dict]:
    found = {}
    for key, part in schema["properties"].items():
        found |= schema_keys(part, f"{prefix}{key}.") if "properties" in part else {prefix + key: part}
    return found


SCHEMA = schema_keys(yaml.safe_load(config.SCHEMA.read_text()))


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml"])
def test_shipped_config_spells_out_every_key(name):
    assert keys(yaml.safe_load((ROOT / "config" / name).read_text())) == set(SCHEMA)


def test_every_key_is_described():
    assert [key for key, part in SCHEMA.items() if len(part.get("description", "")) < 10] == []


def test_table_of_keys_is_up_to_date():
    text = describe_config.PAGE.read_text()
    assert describe_config.page(text) == text, "run: python workflow/scripts/describe_config.py"


def test_every_key_reaches_a_step():
    used = {dotted for step in config.STEPS.values() for dotted in step}
    unread = [key for key in SCHEMA if key not in used and key.split(".")[0] not in used]
    assert unread == ["model.accept_cpml", "compute.container"]  # read by the preflight and by the rules themselves


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"finetune": {"lr": "5e-6"}}, ["finetune.lr", "5.0e-6"]),
        ({"finetune": {"batchsize": 8}}, ["finetune", "batchsize"]),
        ({"subset": {"clips": 1}}, ["subset.clips", "2"]),
        ({"finetune": {"precision": "fp8"}}, ["finetune.precision", "bf16"]),
        ({"language": "klingon"}, ["language", "zh-cn"]),
        ({"run": "../elsewhere"}, ["run"]),
        ({"dataset": {"sha256": "abc"}}, ["dataset.sha256", "64"]),
    ],
)
def test_wrong_value_names_the_key_and_what_is_allowed(tmp_path, change, expected):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(change))
    with pytest.raises(UserError) as caught:
        config.load(path)
    for word in expected:
        assert word in str(caught.value)


def test_all_mistakes_at_once(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("seed: -1\nlanguge: en\nreport: {title: 5}\n")
    with pytest.raises(UserError) as caught:
        config.load(path)
    for word in ("seed", "languge", "report.title"):
        assert word in str(caught.value)


def test_own_config_needs_only_what_differs(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("run: mine\nfinetune: {max_steps: 10}\n")
    loaded = config.load(path)
    assert (loaded["run"], loaded["finetune"]["max_steps"], loaded["finetune"]["batch_size"]) == ("mine", 10, 16)


def test_snakemake_stops_before_the_first_job(checkout):
    name = edit_config(checkout, {"finetune.max_steps": "many"})
    done = snakemake(checkout, "--dry-run", config=name, check=False)
    assert done.returncode != 0
    assert "finetune.max_steps" in done.stdout + done.stderr
    assert "rule subset" not in done.stdout


def test_config_values_never_reach_a_shell_unquoted(checkout, tmp_path):
    trap = tmp_path / "trap"
    name = edit_config(checkout, {"report.title": f"'; touch {trap}; $(touch {trap}) `touch {trap}`"})
    snakemake(checkout, "--dry-run", "--printshellcmds", config=name)
    command = "data/downloads/demo-speech.tar.bz2"
    snakemake(checkout, command, config=name)
    assert (checkout / command).exists()
    assert not trap.exists()
