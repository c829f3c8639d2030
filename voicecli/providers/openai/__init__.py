"""OpenAI and every server that speaks its language, for all three stages."""
