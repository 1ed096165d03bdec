"""Domain files: their sections, what they name, and what each command does with them."""
