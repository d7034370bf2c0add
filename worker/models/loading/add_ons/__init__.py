"""What is added to a model, from its files to the device: LoRAs, ControlNets, adapters, upscalers.

Nothing here knows which model it is added to.
"""
