"""What every venue shares: the contract, the registry, the matching engine and ledger of doubles."""
