"""Parameters of every gauge or cell by itself, without gradients."""
