"""Small text files of data sets: JSON, YAML, XML, lists. Whatever they hold, a fault is one ValueError line."""

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lowres.data.archive_paths import read_annotations

_MAX_YAML_BYTES = 4_000_000


def read_json_object(path: Path, *, holding: str = "an object is expected") -> dict[str, Any]:
    """A JSON file that holds an object, in a folder or an archive; `holding` ends the message where it does not.

    Raises:
        ValueError: no such file, a folder, malformed, or something else than an object.
    """
    return json_object(read_annotations(path), name=str(path), holding=holding)


def json_object(data: bytes, *, name: str, holding: str = "an object is expected") -> dict[str, Any]:
    """The object that a JSON file's bytes hold; `name` is how messages call the file.

    Raises:
        ValueError: malformed, or something else than an object.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: malformed JSON ({error}); was the file cut off?") from error
    if not isinstance(document, dict):
        raise ValueError(f"{name}: holds a JSON {type(document).__name__}; {holding}")
    return document


def number_or_nan(value: object) -> float:
    """A JSON number as a float; NaN for all else, also for whole numbers beyond a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 1e300 else math.nan


def yaml_object(data: bytes, *, name: str) -> dict[Any, Any]:
    """The mapping that a YAML file's bytes hold; `name` is how messages call the file.

    Raises:
        ValueError: too large, malformed, or something else than a mapping.
    """
    if len(data) > _MAX_YAML_BYTES:
        raise ValueError(f"{name}: has {len(data)} bytes; at most {_MAX_YAML_BYTES} are read: is it another file?")
    try:
        document = YAML(typ="safe", pure=True).load(text_of(data, name=name))
    except (
        YAMLError,
        ValueError,
        TypeError,
        RecursionError,
        LookupError,
        AttributeError,
    ) as error:  # all seen on damage
        raise ValueError(f"{name}: not YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{name}: holds a YAML {type(document).__name__}; a mapping is expected")
    return document


def xml_root(data: bytes, *, name: str) -> ET.Element:
    """The root of an XML file's bytes; `name` is how messages call the file.

    Raises:
        ValueError: malformed, or in an encoding that is not known.
    """
    try:
        return ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError) as error:  # LookupError: no such encoding
        raise ValueError(f"{name} is no XML: {error}") from error


def text_of(data: bytes, *, name: str) -> str:
    """The bytes as UTF-8 text, without a byte order mark; `name` is how the message calls the file."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: is no UTF-8 text ({error}); save it as UTF-8") from error


def lines_of(data: bytes, *, name: str) -> list[tuple[int, str]]:
    """The lines that are not blank, stripped, each with its number from 1."""
    text = text_of(data, name=name)
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
