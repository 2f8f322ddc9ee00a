"""Rewrites of the tree between parsing and SQL, each under its own name."""
