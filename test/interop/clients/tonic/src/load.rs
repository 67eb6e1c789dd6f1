use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::sleep;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

use crate::pb::chat_event::Event;
use crate::pb::llm_gateway_client::LlmGatewayClient;
use crate::pb::{ChatEvent, ChatRequest};
use crate::{Failure, question};

type Gateway = LlmGatewayClient<Channel>;

/// More than in docs/examples/service-config.json: tonic gives calls to addresses that it cannot reach, too.
const MAX_ATTEMPTS: u32 = 10;
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Outcome {
    calls: u64,
    retried: u64,
    failures: BTreeMap<String, u64>,
}

/// Makes one call after the other at replicas of the gateway until its input ends, then prints what became of them.
pub async fn run() -> Result<(), Failure> {
    let gateway = LlmGatewayClient::new(channel()?);
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let ended = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let mut workers = Vec::new();
    for worker in 0..env::var("WORKERS")?.parse()? {
        let (gateway, outcome) = (gateway.clone(), outcome.clone());
        let (ended, calls) = (ended.clone(), calls.clone());
        let model = env::var(if worker % 2 == 0 {
            "CHAT_MODEL"
        } else {
            "STREAM_MODEL"
        })?;
        workers.push(tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                let key = calls.fetch_add(1, Ordering::Relaxed);
                let (attempts, result) = if worker % 2 == 0 {
                    chat(&gateway, &model, key).await
                } else {
                    stream_chat(&gateway, &model, key).await
                };
                let mut outcome = outcome.lock().expect("no worker panics");
                outcome.calls += 1;
                outcome.retried += u64::from(attempts > 1);
                let failure = match result {
                    Ok(text) if text == "one two three" => continue,
                    Ok(text) => format!("only {text:?}"),
                    Err(status) => format!("{:?} {}", status.code(), reason_of(&status)),
                };
                *outcome.failures.entry(failure).or_default() += 1;
            }
        }));
    }
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    ended.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await?;
    }
    let Outcome {
        calls,
        retried,
        failures,
    } = &*outcome.lock().expect("no worker panics");
    let failures: Vec<_> = failures
        .iter()
        .map(|(failure, count)| format!("{failure:?}:{count}"))
        .collect();
    let failures = failures.join(",");
    println!(r#"{{"calls":{calls},"retried":{retried},"failures":{{{failures}}}}}"#);
    Ok(())
}

/// One that spreads calls over all addresses, as tonic does by itself.
fn channel() -> Result<Channel, Failure> {
    let mut endpoints = Vec::new();
    for gateway in env::var("GATEWAYS")?.split(',') {
        endpoints.push(Endpoint::from_shared(format!("http://{gateway}"))?);
    }
    Ok(match &endpoints[..] {
        [endpoint] => endpoint.connect_lazy(),
        _ => Channel::balance_list(endpoints.into_iter()),
    })
}

async fn chat(gateway: &Gateway, model: &str, key: u64) -> (u32, Result<String, Status>) {
    let (attempts, response) = repeated(|| {
        let mut gateway = gateway.clone();
        async move { gateway.chat(asked(model, key)).await }
    })
    .await;
    (
        attempts,
        response.map(|response| response.into_inner().message.unwrap_or_default().content),
    )
}

async fn stream_chat(gateway: &Gateway, model: &str, key: u64) -> (u32, Result<String, Status>) {
    let (attempts, response) = repeated(|| {
        let mut gateway = gateway.clone();
        async move { gateway.stream_chat(asked(model, key)).await }
    })
    .await;
    match response {
        Ok(response) => (attempts, text_of(response.into_inner()).await),
        Err(status) => (attempts, Err(status)),
    }
}

async fn text_of(mut events: Streaming<ChatEvent>) -> Result<String, Status> {
    let (mut text, mut finished) = (String::new(), false);
    while let Some(event) = events.message().await? {
        finished = matches!(event.event, Some(Event::Finish(_)));
        if let Some(Event::Text(piece)) = event.event {
            text += &piece.text;
        }
    }
    Ok(if finished {
        text
    } else {
        text + " without its end"
    })
}

/// Repeats a call that failed before its response began.
async fn repeated<T, F>(call: impl Fn() -> F) -> (u32, Result<T, Status>)
where
    F: Future<Output = Result<T, Status>>,
{
    let mut backoff = INITIAL_BACKOFF;
    for attempt in 1.. {
        match call().await {
            Err(status) if attempt < MAX_ATTEMPTS && may_be_repeated(&status) => {
                sleep(backoff).await
            }
            result => return (attempt, result),
        }
        backoff = MAX_BACKOFF.min(backoff * 2);
    }
    unreachable!("the last attempt returns")
}

/// An error with a source is tonic's own: the connection was closed, before or after the gateway had the call. Its key
/// keeps it from running twice.
fn may_be_repeated(status: &Status) -> bool {
    let pushback = status.metadata().get("grpc-retry-pushback-ms");
    let is_refused = [Code::Unavailable, Code::Aborted].contains(&status.code());
    status.source().is_some() || is_refused && pushback.is_none_or(|ms| ms != "-1")
}

fn asked(model: &str, key: u64) -> Request<ChatRequest> {
    let mut request = Request::new(question(model, "hi"));
    let key = format!("{model}-{key}").parse().expect("models are ASCII");
    request.metadata_mut().insert("idempotency-key", key);
    request.set_timeout(Duration::from_secs(60));
    request
}

fn reason_of(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map_or_else(|| status.message().to_string(), |info| info.reason)
}
