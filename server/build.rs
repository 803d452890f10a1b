//! Puts the built web client into the binary: every file of web/dist, with its gzip form and its ETag, as a sorted
//! table for `src/web.rs`. Without a built client the table has one page that says how to build it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::{
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>VoxLink</title>\
<p>VoxLink runs, but this binary was built without its web client. Build it with <code>make build</code>.</p></html>";

fn main() {
    let manifest = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap());
    let dist = manifest.join("../web/dist");
    // Cargo can only watch what exists.
    fs::create_dir_all(&dist).unwrap();
    println!("cargo::rerun-if-changed=../web/dist");
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = Vec::new();
    collect(&dist, "", &mut files);
    if !files.iter().any(|(name, _)| name == "index.html") {
        files = vec![("index.html".to_owned(), NOT_BUILT.as_bytes().to_vec())];
    }
    files.sort();

    let store = out.join("assets");
    let _old = fs::remove_dir_all(&store);
    fs::create_dir_all(&store).unwrap();
    let mut table = String::from("&[\n");
    for (index, (name, plain)) in files.iter().enumerate() {
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        let plain_file = store.join(format!("{index}"));
        fs::write(&plain_file, plain).unwrap();
        let zipped = gzip(plain);
        let gzip_field = if zipped.len() * 20 < plain.len() * 19 {
            let file = store.join(format!("{index}.gz"));
            fs::write(&file, zipped).unwrap();
            format!("Some(include_bytes!({:?}))", file.to_str().unwrap())
        } else {
            "None".to_owned()
        };
        writeln!(
            table,
            "Asset {{ path: {name:?}, etag: \"W/\\\"{:016x}\\\"\", plain: include_bytes!({:?}), gzip: {gzip_field} }},",
            hasher.finish(),
            plain_file.to_str().unwrap(),
        )
        .unwrap();
    }
    table.push(']');
    fs::write(out.join("assets.rs"), table).unwrap();
}

/// All files below, by their path from the root of the client; hidden ones are the build tool's own.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.push((path, fs::read(entry.path()).unwrap()));
        }
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
