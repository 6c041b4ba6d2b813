//! Built-in connectors and indicators are embedded from `config/`. Cargo does not see new files there by itself.

fn main() {
    println!("cargo::rerun-if-changed=../config");
}
