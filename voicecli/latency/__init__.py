"""Marks, spans, budgets, statistics and their drawing."""
