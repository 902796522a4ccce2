"""The user's configuration and secrets: read, checked as a whole, and turned into our words."""
