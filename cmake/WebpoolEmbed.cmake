# Placeholder until src/net brings webpool_embed().
