"""Data sets as whole tensors: embedded, torchvision's, and the user's own."""
