//! Faults in statuses, headers and bodies.

use parity::json::{Json, Text, Value};

use super::{
    Entry,
    edit::{
        at, body, digit_up, double_first, drop_first, drop_header, elements, flip, last_digit_up,
        members, number, plus, put, remove, replace_body, score, set_header, swap, text,
    },
};

pub(super) const ENVELOPE: &[Entry] = &[
    ("unknown is answered with 200", |c, _| {
        let was = c.response.status == 404;
        c.response.status = 200;
        was
    }),
    ("created is answered with 200", |c, _| {
        let was = c.response.status == 201;
        c.response.status = 200;
        was
    }),
    ("unauthorised is answered with 403", |c, _| {
        let was = c.response.status == 401;
        c.response.status = 403;
        was
    }),
    ("content type without charset", |c, _| {
        set_header(c, "content-type", |value| {
            value.replace("; charset=utf-8", "")
        })
    }),
    ("vary is missing", |c, _| drop_header(c, "vary")),
    ("vary in another order", |c, _| {
        set_header(c, "vary", |_| "Cookie, origin".into())
    }),
    ("a new header", |c, _| {
        c.response
            .headers
            .0
            .push(("X-Powered-By".into(), b"rust".to_vec()));
        true
    }),
    ("another frame policy", |c, _| {
        set_header(c, "x-frame-options", |_| "SAMEORIGIN".into())
    }),
    ("a header twice", |c, _| {
        c.response
            .headers
            .0
            .push(("Referrer-Policy".into(), b"same-origin".to_vec()));
        true
    }),
    ("allow lists another method", |c, _| {
        set_header(c, "allow", |value| value.replacen("POST", "PUT", 1))
    }),
    ("cross-origin header is missing", |c, _| {
        drop_header(c, "access-control-allow-origin")
    }),
    ("redirect to another place", |c, _| {
        set_header(c, "location", |value| format!("{value}x"))
    }),
    ("cookie is missing", |c, _| drop_header(c, "set-cookie")),
    ("cookie of another length", |c, _| {
        set_header(c, "set-cookie", |value| {
            value.replacen("csrftoken=", "csrftoken=x", 1)
        })
    }),
    ("cookie for another path", |c, _| {
        set_header(c, "set-cookie", |value| value.replace("Path=/", "Path=/x"))
    }),
    ("length of another body", |c, _| {
        set_header(c, "content-length", |value| format!("{value}0"))
    }),
];

pub(super) const BODY: &[Entry] = &[
    ("another page", |c, _| {
        let page = String::from_utf8_lossy(&c.response.body).into_owned();
        let is_page = page.starts_with("\n<!doctype");
        replace_body(c, page.replacen("<h1>", "<h1> ", 1));
        is_page
    }),
    ("a line feed at the end", |c, _| {
        let json = c.response.body.starts_with(b"{");
        let text = String::from_utf8_lossy(&c.response.body).into_owned();
        replace_body(c, format!("{text}\n"));
        json
    }),
    ("no spaces between tokens", |c, _| {
        let text = String::from_utf8_lossy(&c.response.body).into_owned();
        let compact = text.replace("\": ", "\":");
        let changed = text.starts_with('{') && compact != text;
        replace_body(c, compact);
        changed
    }),
    ("another error text", |c, _| {
        body(c, |json| {
            text(at(json, &["detail"]), |old| format!("{old}."))
        })
    }),
    ("error under another key", |c, _| {
        body(c, |json| rename(json, "detail", "message"))
    }),
    ("error for another field", |c, _| {
        body(c, |json| {
            text(at(json, &["detail", "0", "loc", "0"]), |_| "query".into())
        })
    }),
    ("one error too few", |c, _| {
        body(c, |json| {
            let list = elements(at(json, &["detail"]));
            list.is_some_and(|list| list.len() > 1 && list.pop().is_some())
        })
    }),
    ("score rounded up", |c, _| {
        body(c, |json| text(at_score(json, "score"), last_digit_up))
    }),
    ("score without trailing zeros", |c, _| {
        body(c, |json| {
            text(at_score(json, "score"), |old| {
                old.trim_end_matches('0').to_owned()
            })
        })
    }),
    ("score as a number", |c, _| {
        body(c, |json| {
            let score = at_score(json, "score");
            let value = score
                .as_ref()
                .and_then(|score| score.as_str())
                .map(|text| text.into_owned());
            value.is_some_and(|value| put(score, Value::<'static>::number(value)))
        })
    }),
    ("passing the other way", |c, _| {
        body(c, |json| flip(at_score(json, "passing_score")))
    }),
    ("threshold is null", |c, _| {
        body(c, |json| put(at_score(json, "threshold"), Value::Null))
    }),
    ("time zone as Z", |c, _| {
        body(c, |json| {
            text(at_score(json, "last_score_timestamp"), |old| {
                old.replace("+00:00", "Z")
            })
        })
    }),
    ("a microsecond later", |c, _| {
        body(c, |json| {
            text(at_score(json, "last_score_timestamp"), |old| {
                digit_up(old, |old| old.find('+').map(|plus| plus - 1))
            })
        })
    }),
    ("expiration is missing", |c, _| {
        body(c, |json| remove(score(json), "expiration_timestamp"))
    }),
    ("error is missing instead of null", |c, _| {
        body(c, |json| remove(score(json), "error"))
    }),
    ("two keys swapped", |c, _| {
        body(c, |json| swap(members(score(json))))
    }),
    ("a new key", |c, _| {
        body(c, |json| {
            add(score(json), "version", Value::<'static>::number(2))
        })
    }),
    ("a key twice", |c, _| {
        body(c, |json| {
            add(score(json), "address", Value::<'static>::string("0x0"))
        })
    }),
    ("a scored stamp is missing", |c, _| {
        body(c, |json| drop_first(members(at_score(json, "stamps"))))
    }),
    ("a stamp counts twice", |c, _| {
        body(c, |json| flip(first_stamp(json, "dedup")))
    }),
    ("a stamp's score without trailing zeros", |c, _| {
        body(c, |json| {
            text(first_stamp(json, "score"), |old| {
                old.trim_end_matches('0').to_owned()
            })
        })
    }),
    ("a stamp never expires", |c, _| {
        body(c, |json| {
            put(first_stamp(json, "expiration_date"), Value::Null)
        })
    }),
    ("keys of a stamp swapped", |c, _| {
        body(c, |json| {
            let stamp = members(at_score(json, "stamps")).and_then(|stamps| stamps.first_mut());
            swap(members(stamp.map(|(_, stamp)| stamp)))
        })
    }),
    ("a stored score in another order", |c, step| {
        let stored = step.tags.contains(&"ep:ceramic-score".to_owned())
            && step
                .effects
                .as_ref()
                .is_some_and(|effects| effects.0.is_empty());
        stored && body(c, |json| swap(members(at_score(json, "stamps"))))
    }),
    ("a listed stamp is missing", |c, _| {
        body(c, |json| drop_first(elements(at(json, &["stamps"]))))
    }),
    ("a listed stamp twice", |c, _| {
        body(c, |json| double_first(elements(at(json, &["stamps"]))))
    }),
    ("a listed stamp under another number", |c, _| {
        body(c, |json| {
            number(at(json, &["stamps", "0", "id"]), |id| plus(id, 1))
        })
    }),
    ("two listed stamps with each other's number", |c, _| {
        body(c, |json| {
            let Some(list) = elements(at(json, &["stamps"])).filter(|list| list.len() > 1) else {
                return false;
            };
            let ids: Vec<_> = list
                .iter()
                .filter_map(|stamp| stamp.get("id").cloned())
                .collect();
            let (Some(first), Some(second)) = (ids.first(), ids.get(1)) else {
                return false;
            };
            put(at(&mut list[0], &["id"]), second.clone())
                && put(at(&mut list[1], &["id"]), first.clone())
        })
    }),
    ("a listed stamp of another address", |c, _| {
        body(c, |json| {
            text(at(json, &["stamps", "0", "address"]), last_digit_up)
        })
    }),
    ("points are off by one", |c, _| {
        body(c, |json| {
            number(at_points(json, &["total_points"]), |n| plus(n, 1))
        })
    }),
    ("points eligibility the other way", |c, _| {
        body(c, |json| flip(at_points(json, &["is_eligible"])))
    }),
    ("a kind of points is missing", |c, _| {
        body(c, |json| {
            drop_first(members(at_points(json, &["breakdown"])))
        })
    }),
    ("a ban is not seen", |c, _| {
        body(c, |json| flip(at(json, &["0", "is_banned"])))
    }),
    ("bans in another order", |c, _| {
        body(c, |json| swap(elements(Some(json))))
    }),
    ("a revocation is not seen", |c, _| {
        body(c, |json| flip(at(json, &["0", "is_revoked"])))
    }),
    ("a stake is missing", |c, _| {
        body(c, |json| drop_first(elements(at(json, &["items"]))))
    }),
    ("a stake with less decimals", |c, _| {
        body(c, |json| {
            text(at(json, &["items", "0", "amount"]), |old| {
                old[..old.len() - 1].to_owned()
            })
        })
    }),
    ("a legacy stake of another round", |c, _| {
        body(c, |json| {
            number(at(json, &["results", "0", "round_id"]), |n| plus(n, 1))
        })
    }),
    ("a legacy stake event under another number", |c, _| {
        body(c, |json| {
            number(at(json, &["results", "0", "id"]), |n| plus(n, 1))
        })
    }),
    ("a weight as an integer", |c, _| {
        body(c, |json| number(at(json, &["Outdid"]), |_| "0".into()))
    }),
    ("a small weight written out", |c, _| {
        body(c, |json| {
            number(at(json, &["ZkSyncEra"]), |_| "0.0000015".into())
        })
    }),
    ("weights in another order", |c, _| {
        body(c, |json| {
            json.get("Outdid").is_some() && swap(members(Some(json)))
        })
    }),
    ("statistics as integers", |c, _| {
        body(c, |json| {
            number(at(json, &["num_grants_contribute_to"]), |n| {
                n.replace(".0", "")
            })
        })
    }),
    ("letters instead of escapes", |c, _| {
        let text = String::from_utf8_lossy(&c.response.body).into_owned();
        let raw = text.replace("\\u00e9", "é").replace("\\u00fc", "ü");
        let changed = raw != text;
        replace_body(c, raw);
        changed
    }),
];

fn at_score<'j>(json: &'j mut Json, key: &str) -> Option<&'j mut Json> {
    at(score(json)?, &[key])
}

fn at_points<'j>(json: &'j mut Json, path: &[&str]) -> Option<&'j mut Json> {
    at(at_score(json, "points_data")?, path)
}

/// A member of the first stamp in the score object.
fn first_stamp<'j>(json: &'j mut Json, key: &str) -> Option<&'j mut Json> {
    let (_, stamp) = members(at_score(json, "stamps"))?.first_mut()?;
    at(stamp, &[key])
}

fn add(json: Option<&mut Json>, key: &str, value: Json) -> bool {
    members(json).is_some_and(|members| {
        members.push((Text::from_decoded(key), value));
        true
    })
}

fn rename(json: &mut Json, from: &str, to: &str) -> bool {
    members(Some(json))
        .and_then(|members| members.iter_mut().find(|(key, _)| key == from))
        .is_some_and(|(key, _)| {
            *key = Text::from_decoded(to);
            true
        })
}
