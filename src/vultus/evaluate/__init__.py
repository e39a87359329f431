"""Measuring on labelled pictures, with plots and a report."""
