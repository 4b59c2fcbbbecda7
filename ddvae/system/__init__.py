"""Files, downloads, processes, provenance and every path."""
