"""What a picture's steps were: noisy latents, predictions, and where each word was looked at."""
