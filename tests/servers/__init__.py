"""Streams through real servers, as processes of their own."""
