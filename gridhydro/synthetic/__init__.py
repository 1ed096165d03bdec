"""Generated worlds with a known truth, and the demo."""
