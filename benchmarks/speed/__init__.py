"""Speed of kernels, routing, training and calibration, beside other codes in the same run."""
