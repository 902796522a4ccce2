"""Real processes killed and frozen under load, held to the broker's own ledger."""
