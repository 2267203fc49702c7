"""Mathematics on tensors: it reads no file, knows no configuration and no screen."""
