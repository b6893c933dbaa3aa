//! Writes `docs/functions.md` and `docs/mechanisms.md` from the tables, and checks that they are
//! current. `KINKO_WRITE_DOCS=1 cargo test -p kinko-pkcs11 documentation` writes.

use std::fmt::Write as _;
use std::path::Path;

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
