"""`darkroom generate`: its options are the fields of a request, its pictures end in files."""
