"""Studies: each trains its jobs into a folder, and has a page that shows what came out."""
