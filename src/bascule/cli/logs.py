"""Where the engine's own log goes: readable lines in a terminal, one `key=value` line elsewhere."""

import logging
from typing import TextIO

import structlog


def log_to(stream: TextIO) -> None:
    """Send every log line of this process to a stream, ours and the libraries' warnings."""
    terminal = stream.isatty()
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
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s level=%(levelname)s event=%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
