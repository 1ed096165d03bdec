"""What a model is compared with: discharge, water storage on tiles, and other targets."""
