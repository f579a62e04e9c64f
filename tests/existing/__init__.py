"""An app that exists, with the extensions that such apps have, and streaming added to it."""
