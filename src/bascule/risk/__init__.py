"""Pre-trade checks: one file each in ``checks``, pure, with a stable code; ``chain`` runs them."""
