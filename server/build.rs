//! Has the server rebuilt when the demo app that it embeds was built anew.

use std::path::Path;

fn main() {
    // A watched path that is missing counts as changed each time, so until the app is built it
    // is the folder around it that is watched.
    let built = "../web/dist";
    let watched = if Path::new(built).exists() {
        built
    } else {
        "../web"
    };
    println!("cargo:rerun-if-changed={watched}");
}
