"""Networks compiled by PyTorch's Inductor: in a process of its own, as code without weights."""
