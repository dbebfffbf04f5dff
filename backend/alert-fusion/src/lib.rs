//! aisoc-alert-fusion
