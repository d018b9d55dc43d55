use super::*;

/// Feeds `input` in pieces of `step` bytes, as a connection does.
fn follow(input: &[u8], step: usize) -> Vec<u8> {
    let mut follower = Follower::new(64 * 1024, 64);
    let mut out = BytesMut::new();
    for piece in input.chunks(step) {
        let passed = follower.pass(piece);
        out.extend_from_slice(&piece[..passed]);
        follower.follow(&piece[passed..], &mut out);
    }
    follower.give_up(&mut out);
    out.to_vec()
}

fn encoded(target: &str) -> String {
    let mut out = BytesMut::new();
    encode(target.as_bytes(), &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn an_encoded_target_comes_back_as_sent() {
    for target in ["/a#b", "/.raw-target/", "http://h/x", "/\u{e9}<>", ""] {
        assert_eq!(decode(&encoded(target)).unwrap(), target);
    }
    assert_eq!(decode("/a"), None);
    assert_eq!(decode("/.raw-target/zz"), None);
}

#[test]
fn only_unsafe_targets_change_wherever_the_stream_is_cut() {
    let body = "3;x=\"\r\"\r\nabc\r\n0\r\nTrailer: GET /#\r\n\r\n";
    let stream = |hash: &str, absolute: &str| {
        format!(
            "GET /plain?x=1 HTTP/1.1\r\nHost: h\r\n\r\n\
             POST {hash} HTTP/1.1\r\nContent-Length: 12\r\n\r\nGET /# HTTP/\
             PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}\
             GET {absolute} HTTP/1.1\r\n\r\n"
        )
    };
    let input = stream("/a#b", "http://h/x");
    let expected = stream(&encoded("/a#b"), &encoded("http://h/x"));
    for step in 1..=input.len() {
        let out = follow(input.as_bytes(), step);
        assert_eq!(String::from_utf8_lossy(&out), expected, "pieces of {step}");
    }
}

#[test]
fn a_target_that_looks_encoded_is_encoded_again() {
    let request = format!("GET {} HTTP/1.1\r\n\r\n", encoded("/a"));
    let expected = format!("GET {} HTTP/1.1\r\n\r\n", encoded(&encoded("/a")));
    assert_eq!(follow(request.as_bytes(), 1000), expected.into_bytes());
}

#[test]
fn what_cannot_be_followed_passes_unchanged() {
    for input in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0GET /# HTTP/1.1\r\n\r\n",
        "not http at all\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nGET /# HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nGET /# HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nGET /# HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nGET /# HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(follow(input.as_bytes(), 7), input.as_bytes(), "{input}");
    }
}
