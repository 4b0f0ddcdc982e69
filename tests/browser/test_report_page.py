"""The page in a real browser: it draws, plays, filters, obeys keys, fits both widths, and needs no network."""

from itertools import pairwise
from pathlib import Path

import chromium
import pytest
from run_tree import build

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed")
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
PLAYING = "document.querySelector('.player.playing')?.dataset.clip"
SHOWN = "[...document.querySelectorAll('.utterance:not([hidden])')].map((u) => u.id)"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("run")
    build(root, text=HOSTILE, report__title=HOSTILE)
    return root / "results/demo/report.html"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with chromium.browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(tab, report):
    """The report, freshly opened at 1280 pixels; afterwards it must have said no error and asked for nothing."""
    tab.open(report)
    yield tab
    tab.run("0")  # reads what it has told since the last command
    errors = tab.told("Runtime.exceptionThrown", "Log.entryAdded")
    errors += [event for event in tab.told("Runtime.consoleAPICalled") if event["type"] in ("error", "warning")]
    assert errors == []
    asked = {event["request"]["url"].split(":")[0] for event in tab.told("Network.requestWillBeSent")}
    assert asked <= {"file", "data", "blob"}
    files = [event["request"]["url"] for event in tab.told("Network.requestWillBeSent")]
    assert [url for url in files if url.startswith("file") and not url.endswith("report.html")] == []


def test_hostile_text_is_shown_and_does_nothing(page):
    assert page.run("window.hacked") is None
    assert HOSTILE in page.run("document.querySelector('h1').textContent")
    assert HOSTILE in page.run("document.querySelector('#u-line01 .text').textContent")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_fits_the_window(tab, report, width, dark):
    tab.open(report, width=width, dark=dark)
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert tab.run("document.documentElement.scrollHeight") > 4000


def test_reasons_of_empty_values_are_read_on_a_phone(tab, report):
    """No tooltip is needed: a line under the player, and a numbered note under the table that a link leads to."""
    tab.open(report, width=390)
    assert tab.run("document.querySelectorAll('[title]').length") == 0
    line = "document.querySelector('#u-line01 [data-system=finetuned] .empty')"
    assert tab.run(f"{line}.textContent") == "No F0 error: no recording of this text"
    tab.run(f"{line}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    box = tab.run(f"{line}.getBoundingClientRect().toJSON()")
    assert 0 <= box["left"] < box["right"] <= 390 and box["height"] > 10
    notes = tab.run("[...document.querySelectorAll('.footnotes li')].map((note) => note.textContent)")
    assert notes == ["another speaker's clips are there for the similarity alone"]
    tab.run("document.querySelector('a.none').focus()")
    assert tab.run("document.activeElement.getAttribute('aria-label')") == "none, see note 1"
    tab.run("document.activeElement.click()")
    tab.wait("location.hash === '#why-1'")
    box = tab.run("document.querySelector('#why-1').getBoundingClientRect().toJSON()")
    assert 0 <= box["left"] < box["right"] <= 390


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(tab, report, dark):
    """WCAG AA: 4.5 to 1 between every text and what lies behind it."""
    tab.open(report, dark=dark)
    poor = tab.run(CONTRAST)
    assert poor["checked"] > 300 and poor["poor"] == []


def test_every_image_and_chart_has_size(page):
    sizes = page.run(
        "Promise.all([...document.images].map((i) => i.decode().then(() => [i.naturalWidth, i.naturalHeight])))"
    )
    assert len(sizes) == 26 and all(width > 100 and height > 50 for width, height in sizes)
    charts = page.run("[...document.querySelectorAll('svg')].map((s) => s.getBoundingClientRect().toJSON())")
    assert len(charts) >= 12 and all(box["width"] > 200 and box["height"] > 50 for box in charts)


def test_every_player_plays(page):
    """Each clip is started and seen to move on; its length is the WAV's."""
    names = page.run("[...document.querySelectorAll('.player')].map((p) => p.dataset.clip)")
    assert len(names) == 27
    for index in range(len(names)):
        page.run(f"start(document.querySelectorAll('.player')[{index}])")
        page.wait("audio.currentTime > 0.02")
        assert page.run("Math.abs(audio.duration - Number(player.dataset.seconds))") < 0.12, names[index]
    assert page.run("document.querySelectorAll('.player.failed').length") == 0


def test_click_plays_and_pauses_one_at_a_time(page):
    page.click("#u-test [data-system=zero_shot] .play")
    page.wait(f"{PLAYING} === 'zero_shot/test'")
    page.click("#u-test [data-system=finetuned] .play")
    page.wait(f"{PLAYING} === 'finetuned/test'")
    assert page.run("document.querySelectorAll('.playing').length") == 1
    assert page.run("document.querySelector('.playing .play').getAttribute('aria-label')").startswith("Pause")
    page.click("#u-test [data-system=finetuned] .play")
    page.wait(f"{PLAYING} === undefined")


def test_click_into_the_picture_starts_there(page):
    page.click("#u-test [data-system=finetuned] .seek")
    page.wait("player && audio.currentTime > 0.3")
    assert page.run("player.dataset.clip") == "finetuned/test"


def test_filter(page):
    page.run("control.find.focus()")
    page.call("Input.insertText", text="sentence NUMBER 2")
    assert page.run(SHOWN) == ["u-DEMO-0002"] and page.run("control.count.value") == "1 of 11"
    page.run("control.find.value = ''; control.kind.value = 'line'; filter()")
    assert page.run(SHOWN) == ["u-line01", "u-line02", "u-line03"]
    page.run("control.kind.value = ''; control.suspect.click()")
    assert page.run(SHOWN) == ["u-line01"]


def test_sort(page):
    page.run("control.sort.value = 'secs'; sort()")
    values = "[...document.querySelectorAll('.utterance')].map((u) => JSON.parse(u.dataset.values)"
    upward = page.run(f"{values}.secs)")
    assert upward == sorted(upward) and len(set(upward)) == 11
    page.run("control.descending.click()")
    assert page.run(f"{values}.secs)") == upward[::-1]
    page.run("control.sort.value = 'f0_rmse_cents'; sort()")
    column = page.run(f"{values}.f0_rmse_cents)")
    assert None not in column[:4] and column[4:] == [None] * 7, "what has no value comes last"
    page.run("control.sort.value = ''; control.descending.click()")
    assert page.run(SHOWN)[0] == "u-test"


def test_keys(page):
    page.key("j")
    assert page.run("current.id") == "u-test"
    page.key("j")
    page.key("k")
    page.key("3")
    page.wait(f"{PLAYING} === 'finetuned/test'")
    page.key(" ")
    page.wait(f"{PLAYING} === undefined")
    page.key("ArrowRight")
    page.wait("audio.currentTime > 0.9")
    page.key("ArrowLeft")
    page.wait("audio.currentTime < 0.3")
    page.key("2")
    page.wait(f"{PLAYING} === 'zero_shot/test'")
    page.key("/")
    assert page.run("document.activeElement.id") == "find"
    page.key("j")
    assert page.run("[control.find.value, current.id]") == ["j", "u-test"], "letters typed into a field are text"
    page.key("Escape")
    assert page.run("document.activeElement.id") != "find"


def test_keyboard_reaches_every_control(page):
    names = page.run(
        "[...document.querySelectorAll('button, input, select, a, summary')]"
        ".filter((e) => e.tabIndex >= 0 && !(e.getAttribute('aria-label') || e.labels?.[0] || e.textContent.trim()))"
        ".map((e) => e.outerHTML)"
    )
    assert names == []
    levels = page.run("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))


def test_prints_with_everything_opened(tab, report):
    tab.open(report, media="print")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run("document.querySelectorAll('details:not([open])').length") == 0
    assert tab.run("getComputedStyle(document.querySelector('.toolbar')).display") == "none"
    assert tab.run("getComputedStyle(document.querySelector('.sections')).display") == "none"
    printed = tab.call("Page.printToPDF", printBackground=False)["data"]
    assert len(printed) > 100_000


CONTRAST = """
(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
  };
  const texts = [...document.querySelectorAll('body *:not(script):not(style)')].filter((e) =>
    [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility() && !e.closest('.skip'));
  const poor = [];
  for (const e of texts) {
    const style = getComputedStyle(e);
    const [a, b] = [light(parse(e.closest('svg') ? style.fill : style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 80)}`);
  }
  return { checked: texts.length, poor };
})()
"""
