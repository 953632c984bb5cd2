"""Sections of params.yaml as JSON text, the form in which they travel to the pods of a pipeline.

A step gets only the sections that its stage may read, so a pipeline's cache misses only where `dvc repro` would run.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from lowres.config.data import Data, Input
from lowres.config.params import TASKS

_SHARED: dict[str, Any] = {"data": Data, "data.input": Input}


def section_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Each section of a params file (plain values) as JSON text, `data.input` beside `data`; `task` is a bare word."""
    texts = {name: json.dumps(section) for name, section in values.items() if name != "task"}
    return {"task": values["task"], **texts, "data.input": json.dumps(values["data"]["input"])}


def parse_sections(texts: Mapping[str, str]) -> list[Any]:
    """The sections against their schema, in the order given; ValueError names section, key and what is wrong."""
    return [_parse(name, text, texts.get("task")) for name, text in texts.items()]


def _parse(name: str, text: str, task: str | None) -> Any:
    if name == "task":
        if text not in TASKS:
            raise ValueError(f"task: {text!r} is none of {', '.join(TASKS)}")
        return text
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: not JSON ({error}); give the section of params.yaml as JSON text") from error
    try:
        return TypeAdapter(_schema(name, task)).validate_python(values)
    except ValidationError as error:
        faults = [f"{'.'.join([name, *map(str, fault['loc'])])}: {fault['msg']}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from error


def _schema(name: str, task: str | None) -> Any:
    if name in _SHARED:
        return _SHARED[name]
    assert task is not None, f"section {name} needs the task beside it"
    field = TASKS[task].model_fields[name]
    return Annotated[field.annotation, field]
