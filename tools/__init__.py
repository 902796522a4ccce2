"""What a developer runs beside the product; nothing in ``src`` imports it."""
