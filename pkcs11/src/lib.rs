//! The PKCS#11 C ABI over `hsm-core`.
