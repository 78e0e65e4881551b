"""One training loop for pre-training and fine-tuning, and what it is made of."""
