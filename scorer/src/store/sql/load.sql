-- Everything a scoring reads, in one statement and hence as of one instant.
--
-- $1 address, lower case          $5 whether $2 names the community whose account $4 stands for
-- $2 community id                 $6 nullifiers to look up besides those of stored stamps
-- $3 external community id        $7 whether the points program is enabled
-- $4 account id                   $8 names of the lists that earn points
WITH account AS (
    SELECT CASE WHEN $5 THEN (SELECT account_id FROM account_community WHERE id = $2) ELSE $4 END AS id
),
community AS (
    SELECT named.* FROM (
        SELECT 1 AS rank, c.* FROM account_community c, account
        WHERE c.external_scorer_id = $3 AND c.account_id = account.id
        UNION ALL
        SELECT 2 AS rank, c.* FROM account_community c, account
        WHERE c.id = $2 AND (c.account_id = account.id OR (account.id IS NULL AND NOT $5))
    ) named
    ORDER BY rank LIMIT 1
),
-- The Python service reads these rows in no stated order, which on a small table is the order in
-- which they lie on disk; errors and ties depend on it.
live AS MATERIALIZED (
    SELECT c.ctid AS place, c.* FROM ceramic_cache_ceramiccache c
    WHERE c.address = $1 AND c.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM ceramic_cache_revocation r WHERE r.ceramic_cache_id = c.id)
),
hashes AS (
    SELECT stamp -> 'credentialSubject' ->> 'hash' AS hash FROM live
    UNION
    SELECT nullifier #>> '{}' FROM live, jsonb_array_elements(
        CASE jsonb_typeof(stamp -> 'credentialSubject' -> 'nullifiers')
            WHEN 'array' THEN stamp -> 'credentialSubject' -> 'nullifiers'
            ELSE '[]'
        END) nullifier
    UNION
    SELECT unnest($6::text[])
)
SELECT
    community.id AS community_id,
    community.account_id,
    community.rule,
    community.human_points_program,
    coalesce(weighted.scorer_ptr_id, binary_weighted.scorer_ptr_id) IS NOT NULL AS scoreable,
    coalesce(weighted.weights, binary_weighted.weights)::text AS weights,
    coalesce(weighted.threshold, binary_weighted.threshold)::text AS threshold,
    customization.id IS NOT NULL AS customised,
    overlay.names AS overlay_names,
    overlay.weights AS overlay_weights,
    passport.id AS passport_id,
    score.id AS score_id,
    score.xmin::text AS score_version,
    score.score::text AS score,
    score.last_score_timestamp,
    score.status,
    score.error,
    score.evidence::text AS evidence,
    score.stamp_scores::text AS stamp_scores,
    score.stamps::text AS stamps,
    score.expiration_date,
    cached.ids AS cached_ids,
    cached.providers AS cached_providers,
    cached.kinds AS cached_kinds,
    cached.stamps AS cached_stamps,
    cached.updates AS cached_updates,
    cached.issuances AS cached_issuances,
    cached.expirations AS cached_expirations,
    registered.ids AS registered_ids,
    registered.providers AS registered_providers,
    registered.twins AS registered_twins,
    registered.credentials AS registered_credentials,
    links.ids AS link_ids,
    links.hashes AS link_hashes,
    links.addresses AS link_addresses,
    links.expirations AS link_expirations,
    points.*
FROM (SELECT) AS always
LEFT JOIN community ON true
LEFT JOIN scorer_weighted_scorer scorer ON scorer.id = community.scorer_id
LEFT JOIN scorer_weighted_weightedscorer weighted
    ON weighted.scorer_ptr_id = scorer.id AND scorer.type = 'WEIGHTED'
LEFT JOIN scorer_weighted_binaryweightedscorer binary_weighted
    ON binary_weighted.scorer_ptr_id = scorer.id AND scorer.type = 'WEIGHTED_BINARY'
LEFT JOIN account_customization customization ON customization.scorer_id = community.id
LEFT JOIN LATERAL (
    SELECT array_agg(name ORDER BY kind, id) AS names, array_agg(weight::text ORDER BY kind, id) AS weights
    FROM (
        SELECT 1 AS kind, allowed.id, 'AllowList#' || list.name AS name, allowed.weight
        FROM account_allowlist allowed JOIN account_addresslist list ON list.id = allowed.address_list_id
        WHERE allowed.customization_id = customization.id
        UNION ALL
        SELECT 2, custom.id, ruleset.provider_id, custom.weight
        FROM account_customcredential custom
        JOIN account_customcredentialruleset ruleset ON ruleset.id = custom.ruleset_id
        WHERE custom.customization_id = customization.id
    ) overlaid
) overlay ON true
LEFT JOIN registry_passport passport
    ON passport.address = $1 AND passport.community_id = community.id
LEFT JOIN registry_score score ON score.passport_id = passport.id
LEFT JOIN LATERAL (
    SELECT
        array_agg(id ORDER BY place) AS ids,
        array_agg(provider::text ORDER BY place) AS providers,
        array_agg(type ORDER BY place) AS kinds,
        array_agg(stamp::text ORDER BY place) AS stamps,
        array_agg(updated_at ORDER BY place) AS updates,
        array_agg(issuance_date ORDER BY place) AS issuances,
        array_agg(expiration_date ORDER BY place) AS expirations
    FROM live
) cached ON true
LEFT JOIN LATERAL (
    -- A credential that is still in the cache need not travel twice.
    SELECT
        array_agg(stamp.id ORDER BY stamp.id) AS ids,
        array_agg(stamp.provider::text ORDER BY stamp.id) AS providers,
        array_agg(twin.id ORDER BY stamp.id) AS twins,
        array_agg(CASE WHEN twin.id IS NULL THEN stamp.credential::text END ORDER BY stamp.id) AS credentials
    FROM registry_stamp stamp
    LEFT JOIN LATERAL (
        SELECT live.id FROM live
        WHERE live.provider = stamp.provider AND live.stamp = stamp.credential LIMIT 1
    ) twin ON true
    WHERE stamp.passport_id = passport.id
) registered ON true
LEFT JOIN LATERAL (
    SELECT
        array_agg(link.id ORDER BY link.id) AS ids,
        array_agg(link.hash::text ORDER BY link.id) AS hashes,
        array_agg(link.address::text ORDER BY link.id) AS addresses,
        array_agg(link.expires_at ORDER BY link.id) AS expirations
    FROM registry_hashscorerlink link
    WHERE link.community_id = community.id AND link.hash = ANY (ARRAY(SELECT hash FROM hashes))
) links ON true
LEFT JOIN LATERAL (
    SELECT
        (SELECT count(*) FROM registry_humanpointscommunityqualifiedusers q WHERE q.address = $1)
            AS qualified_rows,
        EXISTS (SELECT FROM registry_humanpointscommunityqualifiedusers q
                WHERE q.address = $1 AND q.community_id = community.id) AS qualified_here,
        earned.actions AS points_actions,
        earned.chains AS points_chains,
        earned.providers AS points_providers,
        earned.hashes AS points_hashes,
        ARRAY(SELECT list.name::text FROM account_addresslistmember member
              JOIN account_addresslist list ON list.id = member.list_id
              WHERE member.address = $1 AND list.name = ANY ($8::text[])) AS memberships,
        -- The limit of the MetaMask list is 5000 rows: counting further tells nothing.
        (SELECT count(*) FROM (SELECT FROM registry_humanpoints p WHERE p.action = 'MM2' LIMIT 5000) mm2)
            AS mm2_rows,
        ARRAY(SELECT config.action::text FROM registry_humanpointsconfig config
              WHERE config.active ORDER BY config.id) AS config_actions,
        ARRAY(SELECT config.points FROM registry_humanpointsconfig config
              WHERE config.active ORDER BY config.id) AS config_points,
        (SELECT m.multiplier FROM registry_humanpointsmultiplier m WHERE m.address = $1) AS multiplier
    FROM (
        SELECT
            array_agg(action::text ORDER BY id) AS actions,
            array_agg(chain_id ORDER BY id) AS chains,
            array_agg(provider::text ORDER BY id) AS providers,
            array_agg(tx_hash::text ORDER BY id) AS hashes
        FROM registry_humanpoints WHERE address = $1
    ) earned
    WHERE $7 AND community.human_points_program
) points ON true
