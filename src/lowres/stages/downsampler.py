"""downsampler: stage one of ThumbDet's Algorithm 2, or nothing to train for a fixed kind."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from lowres.config.data import Input
from lowres.config.downsampler import Downsampler, LearnedDownsampler
from lowres.config.training import Training
from lowres.engine.distributed import current_ranks
from lowres.engine.train import TrainResult
from lowres.models.artifact import load_weights, save_weights
from lowres.models.downsamplers import FixedDownsampler, build_downsampler
from lowres.stages.batches import choose_device, eval_batches
from lowres.stages.kits.choose import kit_of
from lowres.stages.kits.kit import Kit
from lowres.stages.outputs import read_json, whole_folder, write_headers, write_json
from lowres.stages.pictures import to_image
from lowres.stages.provenance import section_hashes
from lowres.stages.training import train_task, write_history
from lowres.tasks.downsampling import DownsamplingTask


def run(
    task_name: str,
    downsampler: Downsampler,
    sizing: Input,
    *,
    data: Path,
    out_model: Path,
    out_metrics: Path,
    out_history: Path,
) -> dict[str, Any]:
    """Train the module on its terms and write it, with some thumbnails to look at beside bicubic ones."""
    spec = {"kind": downsampler.kind, "ratio": downsampler.ratio, **downsampler.options.model_dump()}
    settings = downsampler.train
    torch.manual_seed(0 if settings is None else settings.seed)
    module = build_downsampler(**spec)
    metrics: dict[str, Any] = {"trained_steps": 0}
    result = None
    if isinstance(downsampler, LearnedDownsampler) and settings is not None:
        result, metrics = _train(kit_of(task_name), module, downsampler, settings, sizing, data)
    if not current_ranks().is_main:
        return {}
    with whole_folder(out_history) as folder:
        if result is not None:
            module.cpu().load_state_dict(result.best_state)
            write_history(folder, result, chosen_by=None)
        else:  # a bucket knows no empty folder
            (folder / "not-trained.txt").write_text("there is nothing to train in this down-sampler\n")
            write_headers(folder, {"train.csv": ("step", "loss")})
    with whole_folder(out_model) as folder:
        sections = section_hashes({"downsampler": downsampler})
        write_json(folder / "downsampler.json", {**spec, "provenance": {"sections": sections}})
        save_weights(folder / "model.safetensors", module)
        cv2.imwrite(str(folder / "thumbnails.png"), _sheet(module, data / "val", sizing))
    write_json(out_metrics, metrics)
    return metrics


def _train(
    kit: Kit, module: nn.Module, downsampler: LearnedDownsampler, settings: Training, sizing: Input, data: Path
) -> tuple[TrainResult, dict[str, Any]]:
    moment = downsampler.terms.moment
    weights = {name: term.weight for name, term in downsampler.terms if term is not None}
    result = train_task(
        kit,
        task=DownsamplingTask(module, terms=set(weights), deviation_weight=moment.deviation_weight if moment else 0.0),
        model=module,
        weights=weights,
        settings=settings,
        sizing=sizing,
        data=data,
        label="downsampler",
        identity=["downsampler", downsampler.model_dump(), sizing.model_dump()],
        device=choose_device(),
        validate=False,
    )
    last = [record for record in result.history if record["kind"] == "train"][-1:]
    ends = {"loss": last[0]["loss"], **last[0]["terms"]} if last else {}
    return result, {"trained_steps": result.best_step, **ends}


def load_downsampler(folder: Path) -> tuple[nn.Module, dict[str, Any], dict[str, str]]:
    """The module and its specification as this stage wrote them; hashes of the sections that it was made from."""
    path = folder / "downsampler.json"
    spec = read_json(path)
    sections = spec.pop("provenance", {}).get("sections", {})
    module = build_downsampler(**spec)
    load_weights(folder / "model.safetensors", module)
    return module, spec, sections


def _sheet(module: nn.Module, split: Path, sizing: Input, count: int = 6, scale: int = 3) -> np.ndarray:
    """Rows of bicubic and of this module's thumbnails of the split's first images, enlarged, BGR."""
    batch = next(iter(eval_batches(split, sizing, batch_size=count))).to("cpu")
    ratio = int(module.ratio)  # pyright: ignore[reportArgumentType]
    with torch.inference_mode():
        rows = [FixedDownsampler(kind="bicubic", ratio=ratio)(batch.pixels), module(batch.pixels)]
    sheet = np.vstack([np.hstack([to_image(thumbnail) for thumbnail in row]) for row in rows])
    return cv2.resize(sheet[..., ::-1], None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
