//! The least that hyper needs to forward: no limits, no timeouts, no header is touched, nothing is counted or mirrored.
//!
//! `scripts/bench-proxy` measures it beside the proxy, to tell what hyper costs from what the proxy does. `faithful` adds the
//! two things without which nobody would put it in front of a service: header fields keep their case, and neither
//! a client that sends no head nor a backend that sends no answer is waited for without end.
//!
//!     bare_forwarder LISTEN BACKEND [faithful]        both as HOST:PORT

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Longest wait for a head.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Forwarder {
    backend: SocketAddr,
    is_faithful: bool,
    /// Idle connections to the backend.
    pool: RefCell<Vec<SendRequest<Incoming>>>,
}

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(backend)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare_forwarder LISTEN BACKEND [faithful]".into());
    };
    let forwarder = Rc::new(Forwarder {
        backend: backend.parse()?,
        is_faithful: arguments.next().is_some_and(|word| word == "faithful"),
        pool: RefCell::default(),
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    if forwarder.is_faithful {
        server
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .preserve_header_case(true);
    }
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let (forwarder, server) = (Rc::clone(&forwarder), server.clone());
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| forwarder.forward(request));
            server.serve_connection(TokioIo::new(client), service).await
        });
    }
}

impl Forwarder {
    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Failure> {
        let idle = self.pool.borrow_mut().pop();
        let mut sender = match idle {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        // Its last answer may still be on its way to a client.
        sender.ready().await?;
        let answer = sender.send_request(request);
        let response = if self.is_faithful {
            timeout(PATIENCE, answer).await??
        } else {
            answer.await?
        };
        self.pool.borrow_mut().push(sender);
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<Incoming>, Failure> {
        let stream = TcpStream::connect(self.backend).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(self.is_faithful)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }
}
