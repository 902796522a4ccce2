"""The story of a signal: from the raw request to the last fill, from the journal alone."""

from bascule.execution.story.parts import (
    CheckLine,
    FillLine,
    OrderStory,
    RefusalLine,
    Stage,
    Story,
)
from bascule.execution.story.teller import root_signal, tell

__all__ = [
    "CheckLine",
    "FillLine",
    "OrderStory",
    "RefusalLine",
    "Stage",
    "Story",
    "root_signal",
    "tell",
]
