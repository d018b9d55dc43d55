-- Writes everything a scoring changes, or nothing if what it was computed from has changed since.
--
-- $1 plan, a JSON object (see apply.rs)   $5 passport id, null inserts one
-- $2 address                              $6 score id, null inserts one
-- $3 community id                         $7 version of the score row
-- $4 the scoring's instant
WITH locked_score AS MATERIALIZED (
    SELECT id FROM registry_score WHERE id = $6 AND xmin::text = $7 FOR UPDATE
),
locked_links AS MATERIALIZED (
    SELECT link.id
    FROM registry_hashscorerlink link
    JOIN jsonb_to_recordset($1 -> 'links_updated')
        AS known (id bigint, old_address text, old_expires_at timestamptz)
        ON link.id = known.id AND link.address = known.old_address
        -- As it was read, see instant.rs.
        AND CASE link.expires_at
                WHEN 'infinity' THEN timestamptz '9999-12-31 23:59:59.999999+00'
                WHEN '-infinity' THEN timestamptz '0001-01-01 00:00:00+00'
                ELSE link.expires_at
            END = known.old_expires_at
    WHERE $6 IS NULL OR EXISTS (SELECT FROM locked_score)
    ORDER BY link.hash
    FOR UPDATE OF link
),
guard AS MATERIALIZED (
    SELECT FROM (SELECT count(*) AS locked FROM locked_links) links
    WHERE ($6 IS NULL OR EXISTS (SELECT FROM locked_score))
      AND links.locked = jsonb_array_length($1 -> 'links_updated')
),
new_passport AS (
    INSERT INTO registry_passport (address, community_id, requires_calculation)
    SELECT $2, $3, NULL FROM guard WHERE $5 IS NULL
    RETURNING id
),
passport AS (
    SELECT coalesce($5, (SELECT id FROM new_passport)) AS id FROM guard
),
final AS (
    SELECT * FROM jsonb_to_record($1 -> 'score') AS score (
        score numeric, last_score_timestamp timestamptz, status text, error text, evidence jsonb,
        stamp_scores jsonb, stamps jsonb, expiration_date timestamptz)
    WHERE jsonb_typeof($1 -> 'score') = 'object'
),
new_score AS (
    INSERT INTO registry_score (passport_id, score, last_score_timestamp, status, error, evidence,
                                stamp_scores, stamps, expiration_date)
    SELECT passport.id, final.score, final.last_score_timestamp,
           coalesce(final.status, 'PROCESSING'), final.error, final.evidence, final.stamp_scores,
           final.stamps, final.expiration_date
    FROM passport LEFT JOIN final ON true WHERE $6 IS NULL
    RETURNING id
),
old_score AS (
    UPDATE registry_score SET
        score = final.score, last_score_timestamp = final.last_score_timestamp,
        status = final.status, error = final.error, evidence = final.evidence,
        stamp_scores = final.stamp_scores, stamps = final.stamps,
        expiration_date = final.expiration_date
    FROM final, guard WHERE registry_score.id = $6
),
score AS (
    SELECT coalesce($6, (SELECT id FROM new_score)) AS id FROM guard
),
links_updated AS (
    UPDATE registry_hashscorerlink link SET address = claim.address, expires_at = claim.expires_at
    FROM guard, jsonb_to_recordset($1 -> 'links_updated')
        AS claim (id bigint, address text, expires_at timestamptz)
    WHERE link.id = claim.id
),
links_created AS (
    INSERT INTO registry_hashscorerlink (hash, community_id, address, expires_at)
    SELECT claim.hash, $3, claim.address, claim.expires_at
    FROM guard, jsonb_to_recordset($1 -> 'links_created')
        AS claim (hash text, address text, expires_at timestamptz)
    ORDER BY claim.hash
    RETURNING id, hash
),
dedup_events AS (
    INSERT INTO registry_event (action, address, community_id, created_at, data)
    SELECT 'LDP', $2, $3, $4, event.data
    FROM guard, jsonb_array_elements($1 -> 'dedup_events') WITH ORDINALITY AS event (data, ord)
    ORDER BY event.ord
    RETURNING id
),
stamps_deleted AS (
    DELETE FROM registry_stamp USING guard
    WHERE passport_id = $5 AND jsonb_typeof($1 -> 'stamps') = 'array'
),
stamps_inserted AS (
    -- A stamp is copied inside the database unless its numbers read differently in Python.
    INSERT INTO registry_stamp (passport_id, provider, credential)
    SELECT passport.id, stamp.provider, coalesce(stamp.credential, cached.stamp)
    FROM passport,
         jsonb_array_elements(CASE jsonb_typeof($1 -> 'stamps') WHEN 'array' THEN $1 -> 'stamps' ELSE '[]' END)
            WITH ORDINALITY AS item (value, ord)
    CROSS JOIN LATERAL jsonb_to_record(item.value) AS stamp (cached_id bigint, provider text, credential jsonb)
    LEFT JOIN ceramic_cache_ceramiccache cached ON cached.id = stamp.cached_id
    ORDER BY item.ord
    RETURNING id
),
qualified AS (
    INSERT INTO registry_humanpointscommunityqualifiedusers (address, community_id)
    SELECT $2, $3 FROM guard WHERE ($1 -> 'qualifies')::boolean
    ON CONFLICT DO NOTHING
    RETURNING id
),
points AS (
    INSERT INTO registry_humanpoints (address, action, timestamp, tx_hash, chain_id, provider)
    SELECT $2, earned.action, $4, earned.tx_hash, earned.chain_id, earned.provider
    FROM guard, jsonb_to_recordset($1 -> 'points')
        AS earned (ord integer, action text, tx_hash text, chain_id integer, provider text)
    ORDER BY earned.ord
    ON CONFLICT DO NOTHING
    RETURNING id, action, tx_hash, chain_id, provider
),
score_event AS (
    INSERT INTO registry_event (action, address, community_id, created_at, data)
    SELECT 'SCU', $2, $3, $4,
           jsonb_build_object('pk', score.id, 'model', event.data -> 'model', 'fields',
                              (event.data -> 'fields') || jsonb_build_object('passport', passport.id))
    FROM score, passport, (SELECT $1 -> 'score_event' AS data) event
    WHERE jsonb_typeof(event.data) = 'object'
    RETURNING id
),
analytics AS (
    INSERT INTO account_accountapikeyanalytics (
        api_key_id, created_at, path, base_path, path_segments, query_params, payload, headers,
        response, response_skipped, error, status_code)
    SELECT entry.api_key_id, entry.created_at, entry.path, entry.base_path, entry.path_segments,
           entry.query_params, entry.payload, entry.headers, entry.response, entry.response_skipped, entry.error,
           entry.status_code
    FROM guard, jsonb_populate_record(NULL::account_accountapikeyanalytics, $1 -> 'analytics') AS entry
    WHERE jsonb_typeof($1 -> 'analytics') = 'object'
    RETURNING id
)
SELECT
    passport.id AS passport_id,
    score.id AS score_id,
    ARRAY(SELECT id FROM links_created ORDER BY id) AS link_ids,
    ARRAY(SELECT hash::text FROM links_created ORDER BY id) AS link_hashes,
    ARRAY(SELECT id FROM dedup_events ORDER BY id) AS dedup_event_ids,
    (SELECT id FROM score_event) AS score_event_id,
    ARRAY(SELECT id FROM stamps_inserted ORDER BY id) AS stamp_ids,
    (SELECT id FROM qualified) AS qualified_id,
    ARRAY(SELECT id FROM points ORDER BY id) AS points_ids,
    ARRAY(SELECT concat_ws(E'\n', action, chain_id, provider, tx_hash) FROM points ORDER BY id) AS points_keys,
    (SELECT id FROM analytics) AS analytics_id
FROM passport, score
