//! Writes `docs/functions.md` and `docs/mechanisms.md` from the tables, and checks that they are
//! current. `KINKO_WRITE_DOCS=1 cargo test -p kinko-pkcs11 documentation` writes.

use std::fmt::Write as _;
use std::path::Path;

use hsm_core::mechanism::{KeySizes, MECHANISMS, MechanismDef};

use crate::ffi::FUNCTIONS;

fn functions() -> String {
    let mut text = String::from(
        "# PKCS#11 functions\n\n\
         Generated from `pkcs11/src/ffi/entry.rs`; do not edit.\n\n\
         All functions of PKCS#11 2.40, 3.0 and 3.2 exist. Those that are not supported answer\n\
         `CKR_FUNCTION_NOT_SUPPORTED` (before `C_Initialize`, `CKR_CRYPTOKI_NOT_INITIALIZED` like the others).\n\n\
         | function | since | status | what it does |\n| --- | --- | --- | --- |\n",
    );
    for function in FUNCTIONS {
        let status = if function.offered { "supported" } else { "not supported" };
        writeln!(text, "| `{}` | {} | {status} | {} |", function.name, function.since, function.summary.trim())
            .unwrap();
    }
    text
}

fn mechanisms() -> String {
    let mut text = String::from(
        "# Mechanisms\n\n\
         Generated from the table in `hsm-core/src/mechanism/mod.rs`; do not edit.\n\n\
         A mechanism that signs, verifies, encrypts, decrypts or digests in parts does so wherever PKCS#11 has both ways.\n\n\
         | mechanism | what it does | keys | key sizes | specified in |\n| --- | --- | --- | --- | --- |\n",
    );
    for definition in MECHANISMS {
        let keys: Vec<_> = definition.key_types.iter().map(|kind| format!("`{kind}`")).collect();
        let sizes = match definition.key_sizes {
            KeySizes::None => String::new(),
            KeySizes::Bits { min, max } => range(min, max, "bits"),
            KeySizes::Bytes { min, max } => range(min, max, "bytes"),
        };
        let (does, keys) = (functions_of(definition), keys.join(", "));
        writeln!(text, "| `{}` | {does} | {keys} | {sizes} | {} |", definition.id, definition.spec).unwrap();
    }
    text
}

fn functions_of(definition: &MechanismDef) -> String {
    let ops = &definition.ops;
    let all = [
        ("generate key", ops.generate_key.is_some()),
        ("generate key pair", ops.generate_key_pair.is_some()),
        ("encrypt", ops.encrypt.is_some()),
        ("decrypt", ops.decrypt.is_some()),
        ("sign", ops.sign.is_some()),
        ("verify", ops.verify.is_some()),
        ("digest", ops.digest.is_some()),
        ("wrap", ops.wrap.is_some()),
        ("unwrap", ops.unwrap.is_some()),
        ("derive", ops.derive.is_some()),
    ];
    let offered: Vec<_> = all.iter().filter(|(_, offered)| *offered).map(|(name, _)| *name).collect();
    offered.join(", ")
}

fn range(min: u32, max: u32, unit: &str) -> String {
    match (min, max) {
        (min, max) if min == max => format!("{min} {unit}"),
        (min, u32::MAX) => format!("from {min} {unit}"),
        (min, max) => format!("{min}–{max} {unit}"),
    }
}

fn check_or_write(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("KINKO_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{name} is not current: run the tests once with KINKO_WRITE_DOCS=1");
}

#[test]
fn the_page_of_functions_is_current() {
    check_or_write("functions.md", &functions());
}

#[test]
fn the_page_of_mechanisms_is_current() {
    check_or_write("mechanisms.md", &mechanisms());
}
