"""Domain files that come along: `gridhydro train NAME --data FOLDER`."""
