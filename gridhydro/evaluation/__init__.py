"""How well: losses, metrics, tables of scores, and figures."""
