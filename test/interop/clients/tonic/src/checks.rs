use std::env;
use std::fmt::Debug;
use std::time::Duration;

use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::pb::chat_event::Event;
use crate::pb::llm_gateway_client::LlmGatewayClient;
use crate::pb::{ChatRequest, ErrorDetail};
use crate::{Failure, question};

type Gateway = LlmGatewayClient<Channel>;

/// Calls one gateway in several ways, and prints a line for each. Returns whether every check passed.
pub async fn run() -> Result<bool, Failure> {
    let address = format!("http://{}", env::var("GATEWAY_GRPC")?);
    let gateway = LlmGatewayClient::connect(address).await?;
    let outcomes = [
        ("Chat", chat(gateway.clone()).await),
        ("StreamChat", stream_chat(gateway.clone()).await),
        ("a deadline", deadline(gateway.clone()).await),
        (
            "an error with its details",
            error_details(gateway.clone()).await,
        ),
        (
            "a call without a credential is refused",
            no_credential(gateway).await,
        ),
    ];
    for (name, outcome) in &outcomes {
        match outcome {
            Ok(()) => println!("ok {name}"),
            Err(error) => println!("not ok {name}: {}", error.to_string().replace('\n', " ")),
        }
    }
    Ok(outcomes.iter().all(|(_, outcome)| outcome.is_ok()))
}

async fn chat(mut gateway: Gateway) -> Result<(), Failure> {
    let answer = gateway.chat(asked("", 20_000)?).await?.into_inner();
    same(
        &*answer.message.unwrap_or_default().content,
        "one two three",
    )
}

async fn stream_chat(mut gateway: Gateway) -> Result<(), Failure> {
    let mut events = gateway.stream_chat(asked("", 20_000)?).await?.into_inner();
    let mut words = Vec::new();
    let mut finished = false;
    while let Some(event) = events.message().await? {
        finished = matches!(event.event, Some(Event::Finish(_)));
        if let Some(Event::Text(text)) = event.event {
            words.push(text.text);
        }
    }
    same(
        words,
        vec!["one ".to_string(), "two ".into(), "three".into()],
    )?;
    same(finished, true)
}

async fn deadline(mut gateway: Gateway) -> Result<(), Failure> {
    let status = error_of(gateway.chat(asked("sim/slow", 500)?).await)?;
    // tonic's own clock ends a call with this status.
    let ended = [Code::DeadlineExceeded, Code::Cancelled].contains(&status.code());
    same(ended, true)
}

async fn error_details(mut gateway: Gateway) -> Result<(), Failure> {
    let status = error_of(gateway.chat(asked("hopeless", 20_000)?).await)?;
    same(status.code(), Code::Unavailable)?;
    let info = status
        .get_details_error_info()
        .ok_or("there is no ErrorInfo")?;
    same(&*info.reason, "UPSTREAM_OVERLOADED")?;
    let retry = status
        .get_details_retry_info()
        .ok_or("there is no RetryInfo")?;
    same(retry.retry_delay, Some(Duration::from_secs(1)))?;
    let packed = tonic_types::pb::Status::decode(status.details())?.details;
    let detail = packed
        .iter()
        .find(|any| any.type_url.ends_with("/llmgateway.v1.ErrorDetail"));
    let detail = ErrorDetail::decode(&*detail.ok_or("there is no ErrorDetail")?.value)?;
    same(detail.attempts.len(), 4)
}

async fn no_credential(mut gateway: Gateway) -> Result<(), Failure> {
    let status = error_of(gateway.chat(question("", "hi")).await)?;
    same(status.code(), Code::Unauthenticated)
}

fn asked(model: &str, ms: u64) -> Result<Request<ChatRequest>, Failure> {
    let mut request = Request::new(question(model, "one two three"));
    let credential = format!("Bearer {}", env::var("GATEWAY_KEY")?);
    request
        .metadata_mut()
        .insert("authorization", credential.parse()?);
    request.set_timeout(Duration::from_millis(ms));
    Ok(request)
}

fn error_of<T>(outcome: Result<T, Status>) -> Result<Status, Failure> {
    outcome.err().ok_or_else(|| "it should have failed".into())
}

fn same<T: PartialEq + Debug>(actual: T, expected: T) -> Result<(), Failure> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("got {actual:?}, want {expected:?}").into())
}
