"""GRACE on the tiles of the Amazon."""
