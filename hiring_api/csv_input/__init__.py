"""csv_input."""
