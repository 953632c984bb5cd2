"""The model card: what an exported detector is, in the form the Hugging Face Hub reads, from measured facts only."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

DETECTOR_CARD = Path(__file__).with_name("model_card.md")
CLASSIFIER_CARD = Path(__file__).with_name("classifier_card.md")


def write_model_card(path: Path, facts: Mapping[str, Any], *, template: Path) -> None:
    """Write the card as Markdown with YAML front matter; `template` is one of the two above.

    Facts that must be there, as the templates use them:

    - `name`; `summary`, one sentence
    - `model`: family, parameters, ratio, downsampler, class_names, onnx_file; of a detector stride_shift,
      canvas_multiple_px, max_detections and input (a sentence: how images are sized before the model); of a classifier
      width, restore (how thumbnails are enlarged), side_px (of its input), thumbnail_px, and thumbnail_file (that reads
      thumbnails, or None)
    - `accuracy`: split, images, rows
    - `cost`: hardware, threads, rows
    - `data`: name, train_images, val_images, test_images, source, id (a hash)
    - `training`: config_hash, commit
    - `ap_by_thumbnail_size`: rows, of a detector; `calibration`: rows, and `weakest_classes`: rows, of a classifier
    - `limits`: sentences
    - `parity`: the fields of `ParityReport` or `ClassifierParity`; with a thumbnail_file also thumbnail, the same of it

    Rows are mappings with the same keys, which become the columns. None is shown as a dash, for what is not defined.

    Raises ValueError for a fact that is missing, empty or not finite: nothing is left out or invented.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False, trim_blocks=False
    )
    environment.filters["cell"] = _cell
    environment.filters["table"] = _table
    _refuse_empty(facts, "")
    try:
        text = environment.from_string(template.read_text(encoding="utf-8")).render(facts)
    except jinja2.UndefinedError as error:
        raise ValueError(f"model card: a fact is missing: {error.message}") from error
    path.write_text(text, encoding="utf-8")


def _refuse_empty(value: object, name: str) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            _refuse_empty(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise ValueError(f"model card: {name} is empty")
        for position, part in enumerate(value):
            _refuse_empty(part, f"{name}[{position}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"model card: {name} is {value}; give a measured number, or None if it is not defined")
    elif value == "":
        raise ValueError(f"model card: {name} is empty")


def _cell(value: object) -> str:
    """A value for reading: four significant digits, thousands apart, a dash for None."""
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises, naming the fact
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("|", "\\|").replace("\n", " ")
    if isinstance(value, int) or (abs(value) >= 10_000 and value == round(value)):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    """A Markdown table whose columns are the keys of the rows; ValueError if the rows differ in keys."""
    columns = list(rows[0])
    if any(list(row) != columns for row in rows):
        raise ValueError(f"model card: rows of one table differ in their columns: {[list(row) for row in rows]}")
    lines = ["| " + " | ".join(str(column).replace("_", " ") for column in columns) + " |"]
    lines.append("|" + "---|" * len(columns))
    lines += ["| " + " | ".join(_cell(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)
