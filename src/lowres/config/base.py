"""What all sections of params.yaml share: strictness, and numbers with their ranges."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
PartOfSteps = Annotated[float, Field(ge=0, lt=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what torch's generators take


class Strict(BaseModel):
    """Base of all sections: unknown keys are refused, values are not bent into shape."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
