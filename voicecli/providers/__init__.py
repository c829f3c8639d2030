"""Hear, think, say: three protocols, one file per engine, and the choice among them."""
