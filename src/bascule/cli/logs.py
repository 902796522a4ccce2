"""Where the engine's own log goes: readable lines in a terminal, one `key=value` line elsewhere."""

import logging
from typing import TextIO, cast

import structlog


class Steady:
    """A stream that drops what cannot be written: a closed pipe must not end an engine.

    ``dropped`` counts the writes that were lost.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.dropped = 0

    def write(self, text: str) -> int:
        """Write, or count one more as dropped."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self.dropped += 1
            return 0

    def flush(self) -> None:
        """Flush, or count one more as dropped."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.dropped += 1


def log_to(stream: TextIO) -> None:
    """Send every log line of this process to a stream, ours and the libraries' warnings."""
    terminal = stream.isatty()
    steady = cast(TextIO, Steady(stream))
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=True)
        if terminal
        else structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"))
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            render,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=steady),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(steady)
    handler.setFormatter(logging.Formatter("%(asctime)s level=%(levelname)s event=%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
