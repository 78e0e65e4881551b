"""Fine-tuning: labelled cases in, a network that finds what they show out."""
