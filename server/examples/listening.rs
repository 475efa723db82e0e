//! What idle listeners cost: so many streams of alerts, each of a datastore of its own, on a server
//! in another process. Both processes need as many open files as there are streams.
//! `tidemark serve --dev --listen 127.0.0.1:8787 --database sqlite:/tmp/truth.db & \
//!  cargo run --release --example listening -- 127.0.0.1:8787 $! 10000`

use std::error::Error;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How many connect at a time.
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, process, count] = &arguments[..] else {
        return Err("give the server's address, its process and how many listen".into());
    };
    let count: usize = count.parse()?;
    println!("before: {}", resident(process)?);
    let began = Instant::now();
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let users = streams.len()..count.min(streams.len() + AT_ONCE);
        let opening = users.map(|user| listen(address, user));
        streams.extend(futures_util::future::try_join_all(opening).await?);
    }
    println!(
        "{count} streams after {:?}: {}",
        began.elapsed(),
        resident(process)?
    );
    // Past the first comments.
    tokio::time::sleep(Duration::from_secs(40)).await;
    println!("40 s later: {}", resident(process)?);
    Ok(())
}

/// Opens one stream, and reads its head.
async fn listen(address: &str, user: usize) -> Result<TcpStream, Box<dyn Error>> {
    let body = format!(r#"{{"user":"user {user}"}}"#);
    let asked = format!(
        "POST /v1/dev/token HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    let answer = exchange(&mut stream, &asked).await?;
    let token = answer.split('"').rev().nth(1).ok_or("no token")?;
    let asked = format!(
        "GET /v1/alerts HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let answer = exchange(&mut stream, &asked).await?;
    if !answer.contains("text/event-stream") {
        return Err(answer.into());
    }
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream, asked: &str) -> Result<String, Box<dyn Error>> {
    stream.write_all(asked.as_bytes()).await?;
    let mut bytes = vec![0; 4096];
    let read = stream.read(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
}

fn resident(process: &str) -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    Ok(line.unwrap_or("no VmRSS").to_owned())
}
