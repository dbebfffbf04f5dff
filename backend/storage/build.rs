//! Compiles the crate anew when a migration is added: the macro that reads them only sees the ones it knows.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
