"""The contenders: each a web server that asks the provider, and sends on what it says."""
