"""From what a view may return to Events: `adapt` tells what it is, `relay` reads it."""
