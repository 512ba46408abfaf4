"""What a pre-trained encoder is used for: tasks that are learnt from labels."""
