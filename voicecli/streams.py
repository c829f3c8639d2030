"""Every source, step and sink under one import."""
