"""Charts drawn by the server as SVG, without script or style: positions are attributes, colours are classes."""
