"""The control API: what an operator sees and does over HTTP. docs/http-api.md tells each path."""
