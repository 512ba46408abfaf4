"""The configuration: frozen typed sections, one module each, and the only reader of raw configuration."""
