"""Galleries from what other systems keep: encodings, folders of people, exports."""
