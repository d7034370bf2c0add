"""How other devices find and trust this server: mDNS, certificates, pairing codes."""
