"""Code of PyTorch run on steps: every aten operation of a forward and a backward pass, seen where torch dispatches it."""
