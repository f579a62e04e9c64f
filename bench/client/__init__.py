"""What the client costs the page, beside other ways to show a stream."""
