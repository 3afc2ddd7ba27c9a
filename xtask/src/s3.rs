//! A real S3 API on loopback: the emulator of AWS that `tests/requirements.txt` pins, with an empty bucket.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::place;

const BUCKET: &str = "tidegate-test";

/// A running server; ends when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts it out of the environment of `python` on a free port, and waits until the bucket is there.
    pub(crate) fn start(python: &Path) -> Result<Server, String> {
        let address = free_address().map_err(|error| format!("no free port on loopback: {error}"))?;
        let log = place::target().join("s3-server.log");
        let child = command(python, address, &log)?
            .spawn()
            .map_err(|error| format!("cannot start ministack: {error}"))?;
        let mut server = Server { child, address, log };
        server.wait()?;
        Ok(server)
    }

    /// What a test needs to find and enter the bucket.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("TIDEGATE_TEST_S3", format!("s3://{BUCKET}")),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "000000000000".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ]
    }

    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if creates_bucket(self.address) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ministack ended with {status}; see {}", self.log.display()));
            }
            sleep(Duration::from_millis(50));
        }
        Err(format!("ministack did not answer within a minute; see {}", self.log.display()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server inherits nothing, so that no setting of this machine reaches it.
fn command(python: &Path, address: SocketAddr, log: &Path) -> Result<Command, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", log.display());
    let log_file = File::create(log).map_err(failed)?;
    let mut command = Command::new(python.with_file_name("ministack"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", place::cache())
        .env("BIND_HOST", address.ip().to_string())
        .env("GATEWAY_PORT", address.port().to_string())
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .stdin(Stdio::null())
        .stdout(log_file.try_clone().map_err(failed)?)
        .stderr(log_file);
    Ok(command)
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn creates_bucket(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "PUT /{BUCKET} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(String::from_utf8_lossy(&start).into_owned())
    };
    ask().is_ok_and(|start| start.ends_with(" 200"))
}
