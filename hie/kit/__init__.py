"""Ground floor: database connections, clock, identifiers, JSON splicing, logging. Knows nothing of health."""
