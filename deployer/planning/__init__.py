"""Pure: desired and observed in, plan out."""
