"""The engine's clock; the guardian has the same one, and may not import it from here."""

from bascule.config.clock import Clock as Clock
from bascule.config.clock import SystemClock as SystemClock
