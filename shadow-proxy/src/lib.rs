//! shadow-proxy
