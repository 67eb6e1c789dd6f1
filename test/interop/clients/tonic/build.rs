use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// Generates the code of the contract, which is in the folder `CONTRACT`.
fn main() -> Result<(), Box<dyn Error>> {
    let contract = PathBuf::from(env::var("CONTRACT")?);
    let mut files = Vec::new();
    for entry in fs::read_dir(contract.join("llmgateway/v1"))? {
        files.push(entry?.path());
    }
    println!("cargo:rerun-if-env-changed=CONTRACT");
    println!("cargo:rerun-if-changed={}", contract.display());
    let descriptors = protox::compile(files, [contract])?;
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds(descriptors)?;
    Ok(())
}
