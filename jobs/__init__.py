"""What the API and the workers agree on: requests, queue, events, images. No Flask, no torch."""
