"""The rule graph as inline SVG, top to bottom; drawn from the edges alone."""

import networkx
from markupsafe import Markup, escape

BOX, GAP, MARGIN = (142, 30), (16, 32), 8


def draw(edges: list[list[str]]) -> Markup:
    """Edges [from rule, to rule] as an <svg> element in the page's colours; edges that others imply are left out."""
    graph = networkx.transitive_reduction(networkx.DiGraph(map(tuple, sorted(edges))))
    graph.remove_nodes_from(["all"])
    layers = _layers(graph)
    width = max(len(layer) for layer in layers) * (BOX[0] + GAP[0]) - GAP[0]
    corners = {}
    for row, layer in enumerate(layers):
        left = (width - len(layer) * (BOX[0] + GAP[0]) + GAP[0]) / 2
        for column, rule in enumerate(layer):
            corners[rule] = (left + column * (BOX[0] + GAP[0]), row * (BOX[1] + GAP[1]))
    height = len(layers) * (BOX[1] + GAP[1]) - GAP[1]
    parts = [_edge(corners[start], corners[end]) for start, end in sorted(graph.edges)]
    parts += [_node(rule, corner) for rule, corner in corners.items()]
    view = f"{-MARGIN} {-MARGIN} {width + 2 * MARGIN:.0f} {height + 2 * MARGIN}"
    label = "Rule graph: " + ", ".join(f"{start} before {end}" for start, end in sorted(graph.edges))
    head = (
        f'<svg class="dag" role="img" aria-label="{escape(label)}" viewBox="{view}" xmlns="http://www.w3.org/2000/svg">'
    )
    return Markup(f"{head}{''.join(parts)}</svg>")


def _layers(graph: networkx.DiGraph) -> list[list[str]]:
    """Rules by longest path from a source; within a layer ordered by where their predecessors stand (barycentre)."""
    layers, place = [], {}
    for generation in networkx.topological_generations(graph):
        centres = {rule: _barycentre([place[other] for other in graph.predecessors(rule)]) for rule in generation}
        layer = sorted(generation, key=lambda rule, centres=centres: (centres[rule], rule))
        layers.append(layer)
        place |= {rule: (index + 0.5) / len(layer) for index, rule in enumerate(layer)}
    return layers


def _barycentre(places: list[float]) -> float:
    return sum(places) / len(places) if places else 0.5


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + BOX[0] / 2, start[1] + BOX[1]
    x2, y2 = end[0] + BOX[0] / 2, end[1]
    curve = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + GAP[1]:.1f} {x2:.1f} {y2 - GAP[1]:.1f} {x2:.1f} {y2:.1f}"
    return f'<path class="edge" d="{curve}"/>'


def _node(rule: str, corner: tuple[float, float]) -> str:
    x, y = corner
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>'
    return f'{box}<text x="{x + BOX[0] / 2:.1f}" y="{y + BOX[1] / 2 + 4:.1f}">{escape(rule)}</text>'
