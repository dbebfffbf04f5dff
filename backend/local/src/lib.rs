//! aisoc-local
