//! aisoc-console
