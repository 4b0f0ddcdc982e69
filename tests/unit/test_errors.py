"""A script run by hand under a locale that is not UTF-8."""

import json
import os
from pathlib import Path

import run_tree
from scripts import run_script

# What a Latin-1 locale does to Python, and worse: nothing beyond ASCII can be printed, opened or passed.
ASCII = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_names_and_messages_pass_unchanged():
    done = run_script("where.py", "take \u2013 two.yaml", check=False, env=ASCII, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.startswith("error: config file take \u2013 two.yaml does not exist")


def test_a_page_with_any_title(tmp_path):
    settings = run_tree.make(tmp_path, clips=8, tests=2, lines=1, report__title="My voice \u2013 take two, 声")
    folders = {"data": "data/demo", "results": "results/demo", "model": "data/models/demo"}
    arguments = [part for name, folder in folders.items() for part in (f"--{name}", tmp_path / folder)]
    page = Path(tmp_path, "results/demo/report \u2013 é.html")
    text = json.dumps(settings, ensure_ascii=False)
    run_script("report.py", "--settings", text, *arguments, "--output", page, env=ASCII, encoding="utf-8")
    assert "<title>My voice \u2013 take two, 声</title>" in page.read_text(encoding="utf-8")
