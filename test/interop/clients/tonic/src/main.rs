//! The gateway as a Rust program sees it: tonic, with code generated from proto/llmgateway/v1 alone.

mod checks;
mod load;

use std::env;

pub mod pb {
    tonic::include_proto!("llmgateway.v1");
}

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if env::args().nth(1).as_deref() == Some("load") {
        return load::run().await;
    }
    if !checks::run().await? {
        std::process::exit(1);
    }
    Ok(())
}

/// A question of one message from the user.
pub fn question(model: &str, content: &str) -> pb::ChatRequest {
    pb::ChatRequest {
        model: model.into(),
        messages: vec![pb::Message {
            role: pb::Role::User.into(),
            content: content.into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}
