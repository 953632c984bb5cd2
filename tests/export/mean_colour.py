"""A lowres file written by hand: enough of a classifier for what does not need a real one."""

from pathlib import Path

import onnx

# A classifier of three classes: the softmax of the mean of red, green and blue in [0, 1].
_MEAN_COLOUR = """
<ir_version: 8, opset_import: ["" : 18]>
mean_colour (uint8[batch, 4, 4, 3] pixels) => (float[batch, 3] probabilities) {
    bytes = Cast<to = 1>(pixels)
    white = Constant<value_float = 255.0>()
    fractions = Div(bytes, white)
    sides = Constant<value_ints = [1, 2]>()
    mean = ReduceMean<keepdims = 0>(fractions, sides)
    probabilities = Softmax<axis = 1>(mean)
}
"""


def write_mean_colour_file(path: Path, **metadata: str) -> Path:
    """A file that classifies 4 x 4 px images by their mean colour."""
    model = onnx.parser.parse_model(_MEAN_COLOUR)
    onnx.helper.set_model_props(model, {"lowres_format": "1", "task": "classification", **metadata})
    onnx.save(model, str(path))
    return path
