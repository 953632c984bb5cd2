"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

OUT = Path("outputs")
ParamsFile = Annotated[Path, typer.Option("--params", help="The experiment.")]
PARAMS = Path("params.yaml")
Split = Annotated[str | None, typer.Option(help="First folder of the images' paths; test without it (tt100k).")]
ScoreScale = Annotated[
    int | None,
    typer.Option(
        help="Highest possible score in the results: 1, 100 or 1000; without it 1000, if one is over 100 (tt100k)."
    ),
]
ScoreThreshold = Annotated[
    float | None, typer.Option(help="Lowest score that counts, 0 to 1; 0.04 without it (tt100k).")
]
MaxDets = Annotated[int | None, typer.Option(help="Detections that count per class and image; 100 without it (coco).")]
