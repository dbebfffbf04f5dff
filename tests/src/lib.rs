//! aisoc-tests
