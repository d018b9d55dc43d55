//! A small JSON service in two versions, to try the tools on something that is not the scorer.
//!
//! ```sh
//! cargo run -p parity-cli --example orders -- reference 9001
//! cargo run -p parity-cli --example orders -- candidate 9002
//! ```
//!
//! The candidate is a port with four mistakes of the kind that ports have: `docs/first-parity-run.md` finds them.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Reference,
    Candidate,
}

#[derive(Clone, Serialize)]
struct Order {
    id: String,
    item: String,
    quantity: u64,
    /// Cents, written as a decimal string.
    total: String,
    #[serde(skip_serializing_if = "Note::is_left_out")]
    note: Note,
    created_at: String,
}

/// The candidate leaves out what the reference writes as `null`.
#[derive(Clone)]
struct Note {
    text: Option<String>,
    version: Version,
}

impl Note {
    fn is_left_out(&self) -> bool {
        self.text.is_none() && self.version == Version::Candidate
    }
}

impl Serialize for Note {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

#[derive(Deserialize)]
struct NewOrder {
    item: String,
    quantity: u64,
    unit_price_mills: u64,
    note: Option<String>,
}

#[derive(Deserialize)]
struct Filter {
    item: Option<String>,
}

#[derive(Clone)]
struct Shop {
    version: Version,
    orders: Arc<Mutex<Vec<Order>>>,
}

impl Shop {
    /// Mills (a tenth of a cent) to cents: the reference rounds half to even, the candidate half up.
    fn cents(&self, mills: u64) -> u64 {
        let (cents, rest) = (mills / 10, mills % 10);
        let up = match self.version {
            Version::Reference => rest > 5 || (rest == 5 && cents % 2 == 1),
            Version::Candidate => rest >= 5,
        };
        cents + u64::from(up)
    }
}

async fn create(State(shop): State<Shop>, Json(new): Json<NewOrder>) -> Response {
    if new.quantity == 0 {
        let detail = match shop.version {
            Version::Reference => "Quantity must be positive.",
            Version::Candidate => "quantity must be positive",
        };
        return (StatusCode::BAD_REQUEST, Json(json!({ "detail": detail }))).into_response();
    }
    let cents = shop.cents(new.quantity * new.unit_price_mills);
    let mut orders = shop
        .orders
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let order = Order {
        id: uuid::Uuid::new_v4().to_string(),
        item: new.item,
        quantity: new.quantity,
        total: format!("{}.{:02}", cents / 100, cents % 100),
        note: Note {
            text: new.note,
            version: shop.version,
        },
        created_at: chrono::Utc::now().to_rfc3339(),
    };
    orders.push(order.clone());
    (StatusCode::CREATED, Json(order)).into_response()
}

async fn list(State(shop): State<Shop>, Query(filter): Query<Filter>) -> Json<Vec<Order>> {
    let orders = shop
        .orders
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut found: Vec<_> = orders
        .iter()
        .filter(|order| filter.item.as_ref().is_none_or(|item| *item == order.item))
        .cloned()
        .collect();
    if shop.version == Version::Candidate {
        found.reverse();
    }
    Json(found)
}

async fn show(State(shop): State<Shop>, Path(id): Path<String>) -> Response {
    let orders = shop
        .orders
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match orders.iter().find(|order| order.id == id) {
        Some(order) => Json(order.clone()).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({ "detail": "Not found" })),
        )
            .into_response(),
    }
}

/// Forgets every order, so that two runs can start alike.
async fn clear(State(shop): State<Shop>) -> StatusCode {
    shop.orders
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clear();
    StatusCode::NO_CONTENT
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let version = match arguments.next().as_deref() {
        Some("reference") => Version::Reference,
        Some("candidate") => Version::Candidate,
        _ => {
            eprintln!("usage: orders reference|candidate PORT");
            return ExitCode::from(64);
        }
    };
    let Some(port) = arguments.next().and_then(|port| port.parse().ok()) else {
        eprintln!("usage: orders reference|candidate PORT");
        return ExitCode::from(64);
    };
    let shop = Shop {
        version,
        orders: Arc::default(),
    };
    let routes = Router::new()
        .route("/orders", get(list).post(create).delete(clear))
        .route("/orders/{id}", get(show))
        .with_state(shop);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    eprintln!("serving on http://{address}");
    match axum::serve(listener, routes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
