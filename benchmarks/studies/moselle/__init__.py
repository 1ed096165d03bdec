"""HydroPy's column beside HBV on the upper Moselle."""
