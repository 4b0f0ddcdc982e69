"""Charts for the page: inline SVG in the page's colours and type; the same bytes for the same data."""

import io
import re
from collections.abc import Callable

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Stand-ins for the page's colours: the SVG names the CSS variable instead, so that it follows light and dark.
COLOURS = {
    "ink": "#000001",
    "muted": "#000002",
    "line": "#000003",
    "ground_truth": "#000004",
    "zero_shot": "#000005",
    "finetuned": "#000006",
    "other_speaker": "#000007",
    "accent": "#000008",
}
STYLE = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.edgecolor": COLOURS["line"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.6,
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "text.color": COLOURS["muted"],
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.labelcolor": COLOURS["muted"],
}


def chart(name: str, description: str, draw: Callable[[Axes], None], size: tuple[float, float] = (4.6, 2.7)) -> Markup:
    """One chart as an <svg> element. `name` is unique on the page; `description` is what a screen reader says."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Markup(_inline(buffer.getvalue(), name, description))


def _inline(svg: str, name: str, description: str) -> str:
    """The file's <svg> as a part of a page: own ids, the page's colours and font, no fixed size."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>|\s*<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r" font-family: [^;\"]+;?", "", svg)
    for colour, code in COLOURS.items():
        svg = svg.replace(code, f"var(--{colour.replace('_', '-')})")
    view_box = re.search(r'viewBox="[^"]+"', svg).group()
    head = f'<svg class="chart" role="img" aria-label="{escape(description)}" {view_box}'
    head += ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1).strip()


def loss_curve(history, best_step: int | None) -> Markup:
    """Training and evaluation loss of history.csv (step, train_loss, eval_loss, lr), the exported step marked."""

    def draw(axes: Axes) -> None:
        train = history.dropna(subset="train_loss")
        smooth = train["train_loss"].ewm(span=max(1, len(train) // 20)).mean()
        axes.plot(train["step"], train["train_loss"], color=COLOURS["muted"], alpha=0.25, linewidth=0.8)
        axes.plot(train["step"], smooth, color=COLOURS["muted"], linewidth=1.4, label="training (smoothed)")
        evaluated = history.dropna(subset="eval_loss")
        axes.plot(evaluated["step"], evaluated["eval_loss"], "o-", color=COLOURS["finetuned"], markersize=4)
        axes.plot([], [], "o-", color=COLOURS["finetuned"], markersize=4, label="evaluation")
        best = evaluated[evaluated["step"] == best_step]
        if len(best):
            axes.axvline(best_step, color=COLOURS["accent"], linestyle="--", linewidth=1)
            loss = best["eval_loss"].iloc[0]
            axes.plot(
                [best_step], [loss], "o", color=COLOURS["accent"], markersize=8, label=f"exported: step {best_step}"
            )
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        axes.legend()

    return chart("loss", f"Training and evaluation loss against the step; exported step {best_step}", draw)


def learning_rate(history) -> Markup:
    def draw(axes: Axes) -> None:
        rows = history.dropna(subset="lr")
        axes.plot(rows["step"], rows["lr"], color=COLOURS["finetuned"], linewidth=1.4)
        axes.set_xlabel("step")
        axes.set_ylabel("learning rate")
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))

    return chart("learning-rate", "Learning rate against the step", draw)


def histogram(name: str, values, label: str) -> Markup:
    """How many clips lie where; `label` names the quantity and its unit."""

    def draw(axes: Axes) -> None:
        axes.hist(values, bins=min(24, max(5, len(values) // 4)), color=COLOURS["finetuned"], alpha=0.8, rwidth=0.9)
        axes.set_xlabel(label)
        axes.set_ylabel("clips")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", visible=False)

    spread = f"from {min(values):.1f} to {max(values):.1f}"
    return chart(name, f"Histogram of {label} of {len(values)} clips, {spread}", draw, (3.6, 2.3))


def scatter(name: str, description: str, groups: list[tuple[str, str, list, list]], labels: tuple[str, str]) -> Markup:
    """Points of several systems: groups of (label, colour name, x, y)."""

    def draw(axes: Axes) -> None:
        for label, colour, x, y in groups:
            axes.plot(x, y, "o", color=COLOURS[colour], markersize=4, alpha=0.8, markeredgewidth=0, label=label)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend()

    return chart(name, description, draw)


def curves(
    name: str, description: str, groups: list[tuple[str, str, str, list, list]], labels: tuple[str, str]
) -> Markup:
    """Lines of several systems: groups of (label, colour name, line style, x, y)."""

    def draw(axes: Axes) -> None:
        for label, colour, style, x, y in groups:
            axes.plot(x, y, style, marker="o", color=COLOURS[colour], markersize=3.5, linewidth=1.4, label=label)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.set_xlim(left=0)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)

    return chart(name, description, draw)


def intervals(name: str, description: str, rows: list[tuple[str, str, float, float, float]], label: str) -> Markup:
    """Means with their intervals, one row each: (label, colour name, mean, low, high)."""

    def draw(axes: Axes) -> None:
        for position, (_, colour, mean, low, high) in enumerate(reversed(rows)):
            axes.plot(
                [low, high], [position] * 2, color=COLOURS[colour], linewidth=5, alpha=0.35, solid_capstyle="round"
            )
            axes.plot([mean], [position], "o", color=COLOURS[colour], markersize=7)
        axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(label)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)

    return chart(name, description, draw, (4.6, 0.7 + 0.33 * len(rows)))
