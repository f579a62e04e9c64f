"""Where runs that outlive their request are kept: one contract, `log.Log`, and one log a module."""
