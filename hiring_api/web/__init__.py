"""HTTP: parse, call `data`, answer."""
