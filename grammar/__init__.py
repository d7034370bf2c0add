"""The grammar of prompts, written once for who checks a request and for who draws its pictures."""
