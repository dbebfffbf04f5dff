//! aisoc-api
