"""Pictures that a row looks at beside its words: IP-Adapters, and who reads pictures for them."""
