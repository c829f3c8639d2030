"""The same engines, served to others over HTTP and WebSockets."""
