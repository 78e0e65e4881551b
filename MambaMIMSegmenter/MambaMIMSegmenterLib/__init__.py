"""What MambaMIM Segmenter is made of. Imports neither torch nor monai."""
