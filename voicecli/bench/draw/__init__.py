"""A report for people: in a terminal, on a page, as a picture, as Markdown."""
