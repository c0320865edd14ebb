"""The routes, a file for each resource: what comes in, what goes out, and nothing in between."""
