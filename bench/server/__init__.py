"""What a token costs on its way through a server, beside other ways to send one."""
