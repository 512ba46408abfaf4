"""The network of Panda: features and a pyramid in, features out."""
