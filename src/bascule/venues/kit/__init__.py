"""What every venue shares: the contract, the registry, matching and ledger of doubles."""
