"""From files to models and their add-ons on a device. Torch is here and in the store alone."""
