"""Where signals come in. The only part of `bascule.signals` that does I/O."""
