"""Firms' account rules: the ledger of money rules, the rules beside it, and written scenarios."""
