"""From a params file to the arguments of a pipeline."""

import json
from pathlib import Path

from ruamel.yaml import YAML

from lowres.config.params import load_params
from lowres.steps.sections import section_texts


def arguments_of(params: Path) -> dict[str, str]:
    """One argument per section and one for the file's text, all as JSON; ValueError where it does not fit the schema.

    The text is a JSON string as well because kfp 2.17 writes defaults into comments at the head of its YAML, where a
    second line would no longer be a comment.
    """
    load_params(params)
    text = params.read_text()
    sections = section_texts(YAML(typ="safe").load(text))
    return {name.replace(".", "_"): section for name, section in sections.items()} | {"params_file": json.dumps(text)}
