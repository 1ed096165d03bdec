"""A synthetic experiment: soil moisture of a generated region, networks beside calibration."""
