"""What MambaMIM Trainer is made of. Imports neither torch nor monai."""
