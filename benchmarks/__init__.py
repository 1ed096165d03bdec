"""Speed of the column kernels, of routing and of training, beside other codes in the same run."""
