"""A library's function with some of the names it reads bound to something else, the library itself left as it is."""

from types import FunctionType


def rebound(function: FunctionType, **replacements: object) -> FunctionType:
    """The same code, finding `replacements` under those of the global names it reads."""
    for name in replacements:
        assert name in function.__code__.co_names, f"{function.__qualname__} does not use {name} in this transformers"
    names = {**function.__globals__, **replacements}
    # Without a module's name torch.compile looks names up here, and not in the module the code came from.
    del names["__name__"]
    copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
