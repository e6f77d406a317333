"""What an assistant sees: tools, their answers, resources, and the server that carries them."""
