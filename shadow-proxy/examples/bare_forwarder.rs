//! The least that hyper needs to forward: no limits, no timeouts, no header is touched, nothing is counted or mirrored.
//!
//! `scripts/bench-proxy` measures it beside the proxy, to tell what hyper costs from what the proxy does.
//!
//!     bare_forwarder LISTEN BACKEND        both as HOST:PORT

use std::{cell::RefCell, net::SocketAddr, rc::Rc};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Idle connections to the backend.
type Pool = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(backend)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare_forwarder LISTEN BACKEND".into());
    };
    let backend: SocketAddr = backend.parse()?;
    let listener = TcpListener::bind(listen).await?;
    let pool = Pool::default();
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let pool = Rc::clone(&pool);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| forward(Rc::clone(&pool), backend, request));
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(client), service)
                .await
        });
    }
}

async fn forward(
    pool: Pool,
    backend: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Incoming>, Failure> {
    let idle = pool.borrow_mut().pop();
    let mut sender = match idle {
        Some(sender) => sender,
        None => connect(backend).await?,
    };
    // Its last answer may still be on its way to a client.
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    pool.borrow_mut().push(sender);
    Ok(response)
}

async fn connect(backend: SocketAddr) -> Result<SendRequest<Incoming>, Failure> {
    let stream = TcpStream::connect(backend).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}
