"""The embedded model: a small Llama in a made-up world, so that every experiment runs whole, offline and harmless."""
