"""What is raised when the embedded database cannot be had."""


class EmbeddedDatabaseError(RuntimeError):
    """The embedded database cannot be initialised, started or stopped; the message says why."""
