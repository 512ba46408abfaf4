"""Pre-training: self-distillation, masked autoencoding, the linear probe and the verdict on a collapse."""
