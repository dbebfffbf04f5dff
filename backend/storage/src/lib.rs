//! aisoc-storage
