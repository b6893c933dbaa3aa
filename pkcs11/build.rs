//! Linker settings of the shared library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // dlclose must not unmap the library: the cryptographic library registers destructors for thread
    // keys, and fork handlers are registered with the C library. Both would be called into nothing.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkinko_pkcs11.so");
    // Every PKCS#11 module exports the same names. Without this, a module that the host loaded globally
    // before us would take the places of our own functions in our function lists.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
}
