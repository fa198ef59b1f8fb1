"""`./banyi`: the command line. One module a command."""
