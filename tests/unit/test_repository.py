"""What the repository says of itself is true: version, links, rooms, the commands that its automation calls."""

import ast
import re
import subprocess
from datetime import date

import pytest
import yaml
from xtts_cloning.config import ROOT
from xtts_cloning.version import VERSION

LIBRARY = ROOT / "workflow/scripts/xtts_cloning"
ROOMS = sorted(path.parent for path in LIBRARY.glob("*/__init__.py"))
PAGES = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True).stdout.split()
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == VERSION
    released = re.search(r"^## \[(\d\S*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released.groups() == (VERSION, citation["date-released"].isoformat())
    assert date.fromisoformat(released[2])
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[0] == f"xtts-voice-cloning {VERSION}"


def anchors(page) -> set[str]:
    """The anchors of a Markdown page's headings, as the forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    page = ROOT / page
    for target in LINK.findall(page.read_text()):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_says_in_which_order_to_read_it(room):
    """And names every module that a newcomer finds there."""
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    assert "\nIn: " in text and " Out: " in text.replace("\n", " ") and "Read" in text
    unnamed = [path.stem for path in room.glob("*.py") if path.stem != "__init__" and path.stem not in text]
    assert unnamed == []


def test_no_long_module_and_no_crowded_room():
    lengths = {path: len(path.read_text().splitlines()) for path in LIBRARY.rglob("*.py")}
    assert {str(path): length for path, length in lengths.items() if length > 300} == {}
    assert {room.name: len(list(room.glob("*.py"))) - 1 for room in ROOMS if len(list(room.glob("*.py"))) > 15} == {}


@pytest.mark.parametrize("workflow", sorted(ROOT.glob(".github/workflows/*.yml")), ids=lambda path: path.name)
def test_automation_calls_targets_that_exist(workflow):
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]
    called = [step["run"].split()[1] for step in steps if step.get("run", "").startswith("make ")]
    assert called and set(called) <= targets
