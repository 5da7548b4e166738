"""What actors take and give: parameter models and result models.

A parameter model validates what a definition says, documents it, and draws the form in the console. A field that is
unknown is refused, so a typing error in a definition is found when the definition is read and not when the job runs.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """The parameters of one actor; subclass it and annotate the actor's second argument with the subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Result(BaseModel):
    """What one actor reports when it succeeded; it becomes the result of the task, as JSON of at most 64 KB."""

    model_config = ConfigDict(extra="forbid", frozen=True)
