"""The core tier: the engine's decisions, lanes and looks against a model of disk and venue."""
