"""Graphs in ComfyUI's API form: checked node by node, and read as the request that they mean."""
