//! `fetch`, as the engine's transport.

use std::{cell::RefCell, rc::Rc};

use js_sys::Promise;
use tidemark_engine::client::{Reply, Transport, TransportError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, Request, RequestInit, Response};

use super::{body, describe, token::Token};
use crate::platform::timer::sleep;

/// How long an answer may take: a large push is mingled in one transaction.
const TIMEOUT_MILLIS: u32 = 120_000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch)]
    fn fetch(request: &Request) -> Promise;
}

/// Which server, and as whom.
pub(crate) struct Connection {
    /// Where the server is, without a slash at the end.
    pub(crate) server: String,
    /// Who asks.
    pub(crate) token: Token,
}

/// The way to a server that can be changed, or be none. A clone is the same way.
#[derive(Clone, Default)]
pub(crate) struct Http(Rc<Shared>);

#[derive(Default)]
struct Shared {
    connection: RefCell<Option<Rc<Connection>>>,
    /// Stops the call under way; a sync makes one at a time.
    under_way: RefCell<Option<AbortController>>,
}

impl Http {
    /// Talks to this server from now on, or to none.
    pub(crate) fn connect(&self, connection: Option<Connection>) {
        *self.0.connection.borrow_mut() = connection.map(Rc::new);
    }

    /// Whether there is a server to talk to.
    pub(crate) fn is_connected(&self) -> bool {
        self.0.connection.borrow().is_some()
    }

    /// Stops the call under way: it answers that the server was not reached.
    pub(crate) fn abort(&self) {
        let under_way = self.0.under_way.take();
        if let Some(controller) = under_way {
            controller.abort();
        }
    }

    fn connection(&self) -> Option<Rc<Connection>> {
        self.0.connection.borrow().clone()
    }
}

impl Transport for Http {
    async fn call(&self, path: &str, text: String) -> Result<Reply, TransportError> {
        let connection = self.connection().ok_or(TransportError::NotConnected)?;
        let controller = AbortController::new().map_err(|error| offline(&error))?;
        *self.0.under_way.borrow_mut() = Some(controller.clone());
        let exchange = exchange(&connection, path, text, &controller);
        let answer = within(TIMEOUT_MILLIS, exchange).await;
        self.0.under_way.take();
        answer.unwrap_or_else(|| {
            controller.abort();
            Err(TransportError::Timeout)
        })
    }

    async fn renew_token(&self) -> bool {
        match self.connection() {
            Some(connection) => connection.token.renew().await,
            None => false,
        }
    }
}

async fn exchange(
    connection: &Connection,
    path: &str,
    text: String,
    controller: &AbortController,
) -> Result<Reply, TransportError> {
    let token = connection.token.get().await;
    let token =
        token.map_err(|why| TransportError::Offline(format!("the app gave no token: {why}")))?;
    let body = body::pack(&text).await;
    drop(text);
    let url = format!("{}{path}", connection.server);
    let since = body::now();
    let (response, bytes) = send(&url, &body, token.as_deref(), controller)
        .await
        .map_err(|error| offline(&error))?;
    Ok(Reply {
        status: response.status(),
        retry_after_seconds: retry_after(&response),
        bytes_sent: u64::from(body.bytes.length()),
        bytes_received: body::received(&response, since, bytes.length()),
        body: String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    })
}

async fn send(
    url: &str,
    body: &body::Body,
    token: Option<&str>,
    controller: &AbortController,
) -> Result<(Response, js_sys::Uint8Array), JsValue> {
    let headers = Headers::new()?;
    let is_get = body.bytes.length() == 0;
    if !is_get {
        headers.set("content-type", "application/json")?;
    }
    if body.is_gzip {
        headers.set("content-encoding", "gzip")?;
    }
    if let Some(token) = token {
        headers.set("authorization", &format!("Bearer {token}"))?;
    }
    let init = RequestInit::new();
    init.set_headers(&headers);
    if !is_get {
        init.set_method("POST");
        init.set_body(&body.bytes);
    }
    init.set_signal(Some(&controller.signal()));
    let request = Request::new_with_str_and_init(url, &init)?;
    let response: Response = JsFuture::from(fetch(&request)).await?.unchecked_into();
    let bytes = body::bytes(&response).await?;
    Ok((response, bytes))
}

/// `Retry-After` in seconds; its other form, a date, is taken as unsaid.
fn retry_after(response: &Response) -> Option<u32> {
    let header = response.headers().get("retry-after").ok()??;
    header.trim().parse().ok()
}

fn offline(error: &JsValue) -> TransportError {
    TransportError::Offline(describe(error))
}

/// The work's answer, or `None` when it takes longer.
async fn within<T>(millis: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut limit = std::pin::pin!(sleep(millis));
    std::future::poll_fn(|context| {
        use std::task::Poll;
        match work.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => limit.as_mut().poll(context).map(|()| None),
        }
    })
    .await
}
