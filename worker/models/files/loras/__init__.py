"""LoRAs and their relatives by their tensors' names: what is changed, how, and whose it is."""
