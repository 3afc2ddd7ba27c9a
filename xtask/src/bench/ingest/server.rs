//! The API that is read: `GET /records?page=N` answers 100 records and the number of pages, `GET /weather?location=N` one
//! document after 20 ms. A process of its own, a thread for each connection, every page made before the first request:
//! it must not be what a tool waits for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Records on a page.
pub(super) const RECORDS: usize = 100;

/// What a document of the fan-out takes.
const DELAY: Duration = Duration::from_millis(20);

/// The server as a process, ended when it is dropped.
pub(super) struct Process {
    child: Child,
    pub(super) url: String,
}

impl Process {
    pub(super) fn start(pages: usize) -> Result<Process, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["serve-ingest", &pages.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start the server: {error}"))?;
        let mut address = String::new();
        if let Some(out) = child.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut address);
        }
        match address.trim() {
            "" => Err("the server told no address".to_owned()),
            address => Ok(Process { child, url: format!("http://{address}") }),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed; prints its address first.
pub(crate) fn serve(args: &[String]) -> Result<bool, String> {
    let pages =
        args.first().and_then(|pages| pages.parse().ok()).ok_or("serve-ingest takes the number of pages")?;
    let answers: Arc<Vec<Vec<u8>>> = Arc::new((0..pages).map(|page| page_of(page, pages)).collect());
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    println!("{}", listener.local_addr().map_err(|error| error.to_string())?);
    for stream in listener.incoming().flatten() {
        let answers = Arc::clone(&answers);
        std::thread::spawn(move || connection(stream, &answers));
    }
    Ok(true)
}

/// Answers one request after the other.
fn connection(mut stream: TcpStream, answers: &[Vec<u8>]) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut request = String::new();
        reader.by_ref().take(8 << 10).read_line(&mut request).ok().filter(|read| *read > 0)?;
        let mut header = String::new();
        while header != "\r\n" {
            header.clear();
            reader.by_ref().take(8 << 10).read_line(&mut header).ok().filter(|read| *read > 0)?;
        }
        let target = request.split(' ').nth(1)?;
        let number = |name: &str| {
            let query = target.split_once('?')?.1;
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<usize>().ok())
        };
        if target.starts_with("/weather") {
            std::thread::sleep(DELAY);
            stream.write_all(&answer("200 OK", &document(number("location").unwrap_or(0)))).ok()?;
            continue;
        }
        let page = number("page").unwrap_or(1).checked_sub(1).and_then(|page| answers.get(page));
        match page {
            Some(page) => stream.write_all(page).ok()?,
            None => stream.write_all(&answer("404 Not Found", "{}")).ok()?,
        }
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

fn page_of(page: usize, pages: usize) -> Vec<u8> {
    let records: Vec<String> = (0..RECORDS).map(|at| record(page * RECORDS + at)).collect();
    let next = if page + 1 < pages { (page + 2).to_string() } else { "null".to_owned() };
    let body = format!(
        "{{\"data\":[{}],\"page\":{},\"next\":{next},\"total_pages\":{pages}}}",
        records.join(","),
        page + 1
    );
    answer("200 OK", &body)
}

/// A record of a day: some 250 bytes, with a time, an object and a list.
fn record(id: usize) -> String {
    let (second, mixed) = (id * 7919 % 86_400, id.wrapping_mul(2_654_435_761) % 1_000_003);
    format!(
        "{{\"id\":{id},\"updated_at\":\"2026-11-23T{:02}:{:02}:{:02}Z\",\"name\":\"customer {mixed}\",\
         \"email\":\"c{mixed}@example.com\",\"amount\":{}.{:02},\"active\":{},\"address\":{{\"city\":\"City {}\",\
         \"zip\":\"{:05}\",\"lat\":{}.5}},\"tags\":[\"a{}\",\"b\"],\"note\":null}}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        mixed / 100,
        mixed % 100,
        id.is_multiple_of(3),
        mixed % 97,
        mixed % 100_000,
        mixed % 90,
        id % 5,
    )
}

fn document(location: usize) -> String {
    format!(
        "{{\"location\":{location},\"time\":\"2026-11-23T10:{:02}:00Z\",\"temperature\":{}.5,\"wind\":{{\"speed\":{},\"deg\":{}}}}}",
        location % 60,
        location % 40,
        location % 30,
        location % 360
    )
}
