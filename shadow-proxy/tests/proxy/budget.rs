//! The mirror on a machine whose processors are all busy.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use shadow_proxy::{Handle, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::support::{Backend, PATIENCE, get, settled, shadowing};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Keeps every processor busy for as long as it lives.
struct Burning(Arc<AtomicBool>);

impl Burning {
    fn start(processors: usize) -> Self {
        let burns = Arc::new(AtomicBool::new(true));
        for _ in 0..2 * processors {
            let burns = Arc::clone(&burns);
            thread::spawn(move || {
                while burns.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(burns)
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn left_out(proxy: &Handle) -> u64 {
    let routes = proxy.accounts().by_route();
    let left_out =
        |reasons: &BTreeMap<_, u64>| reasons.get(&("dropped", "processors_busy")).copied();
    routes.values().filter_map(|r| left_out(&r.reasons)).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_idle_processor_requests_are_left_out_and_later_they_are_not() {
    let processors = thread::available_parallelism().unwrap().get();
    // Slow, so that several users wait.
    let reference = Backend::handling(|mut stream| async move {
        while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(ANSWER).await.unwrap();
        }
    })
    .await;
    let candidate = Backend::answering(ANSWER).await;
    let mut config = shadowing(&reference, &candidate);
    config.mirror.busy_share = 0.0;
    let proxy = Arc::new(Proxy::start(config).await.unwrap());
    let burning = Burning::start(processors);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients = (0..4 * processors).map(|_| {
        let (proxy, is_over) = (Arc::clone(&proxy), Arc::clone(&is_over));
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let answer = get(proxy.address(), "/").await;
                assert!(answer.ends_with("{}"), "{answer}");
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let some_are_left_out = async {
        while left_out(&proxy) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, some_are_left_out)
        .await
        .expect("a busy machine should have been noticed");
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    drop(burning);
    // Nobody waits any more, whatever else the machine does.
    let everything_is_admitted = async {
        loop {
            let page = get(proxy.admin_address(), "/metrics").await;
            if page.contains("\nshadow_proxy_admitted_share 1\n") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, everything_is_admitted)
        .await
        .expect("everything should have been admitted again");
    let before = left_out(&proxy);
    get(proxy.address(), "/").await;
    settled(&proxy).await;
    assert_eq!(left_out(&proxy), before);
}
