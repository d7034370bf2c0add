"""What is named and what of it lies here: sizes, licences, hashes, what is wrong. No torch."""
