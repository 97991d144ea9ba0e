"""An ask over HTTP: an OpenAI-compatible server and a web page over one model."""
