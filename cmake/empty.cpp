// A shared library wants a source of its own; the code comes from the static ones.
