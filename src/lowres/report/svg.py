"""Matplotlib figures as SVG that belongs to the page: its colours are CSS variables, its text the page's own font.

Figures are drawn with sentinel colours, each of which stands for one variable of the page's style sheet, so one drawing
serves light, dark and print. One unit of a figure is one point: 10 is 10 px where the figure has its natural width.
"""

import io
import re
import warnings
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_VARIABLES = ("ink", "muted", "grid", "card", "teacher", "bicubic", "student", "other1", "other2", "other3")
INK, MUTED, GRID, CARD, TEACHER, BICUBIC, STUDENT, OTHER1, OTHER2, OTHER3 = (
    f"#0{index:x}0d0{index:x}" for index in range(len(_VARIABLES))
)
_SENTINELS = {f"#0{index:x}0d0{index:x}": name for index, name in enumerate(_VARIABLES)}
STYLE: dict[Any, Any] = {
    "figure.constrained_layout.w_pad": 4 / 72,
    "figure.constrained_layout.h_pad": 4 / 72,
    "svg.fonttype": "none",
    "svg.hashsalt": "lowres",
    "text.parse_math": False,  # a class may be called $5
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "text.color": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 10.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "figure.facecolor": "none",
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
}


def css_variable(sentinel: str) -> str:
    """The variable of the style sheet that a sentinel colour stands for."""
    return f"var(--{_SENTINELS[sentinel]})"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this many units; make it, and all in it, inside `matplotlib.rc_context(STYLE)`."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def inline_svg(figure: Figure, *, name: str, description: str) -> str:
    """The figure as an `<svg>` element for HTML; `name` keeps its ids apart from those of the page's other figures."""
    file = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # It is measured with DejaVu, which lacks glyphs that the page's fonts have.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="svg", metadata=metadata, transparent=True)
    text = file.getvalue()
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = text[text.index("<svg") :]
    width, height = (round(72 * inches) for inches in figure.get_size_inches())
    opening = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{_attribute(description)}">'
    text = opening + text[text.index(">") + 1 :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace('id="halo"', 'class="halo"')
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'xlink:href="#|href="#', f'href="#{name}-', text)
    text = re.sub(r'xlink:href="data:', 'href="data:', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    for sentinel, variable in _SENTINELS.items():
        text = text.replace(sentinel, f"var(--{variable})")
    return re.sub(r">\s*\n\s*<", ">\n<", text).strip()


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
