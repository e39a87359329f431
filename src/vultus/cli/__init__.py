"""The command line: one module a command group, data on stdout, the rest on stderr."""
