"""The way of a reply: phrases, speakable text, sound."""
