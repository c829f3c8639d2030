"""What the bundled recogniser is made of: a grammar's automaton, the searches, what weighs them."""
