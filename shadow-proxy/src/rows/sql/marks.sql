-- Where an address's rows stand, in one statement and hence as of one instant: the version of every
-- row that a request about it may change, and how far the tables reach that only grow.
--
-- $1 address, lower case                   $2 prefixes of the API keys in the request
WITH passports AS (
    SELECT id FROM registry_passport WHERE address = $1
)
SELECT
    pg_is_in_recovery() AS is_replica,
    (SELECT coalesce(max(id), 0) FROM registry_event) AS last_event,
    (SELECT coalesce(max(id), 0) FROM account_accountapikeyanalytics) AS last_call,
    ARRAY(
        SELECT concat_ws(' ', 'registry_passport', id, xmin) FROM registry_passport
            WHERE address = $1
        UNION ALL
        SELECT concat_ws(' ', 'registry_score', id, xmin) FROM registry_score
            WHERE passport_id IN (SELECT id FROM passports)
        UNION ALL
        SELECT concat_ws(' ', 'registry_stamp', id, xmin) FROM registry_stamp
            WHERE passport_id IN (SELECT id FROM passports)
        UNION ALL
        SELECT concat_ws(' ', 'registry_hashscorerlink', id, xmin) FROM registry_hashscorerlink
            WHERE address = $1
        UNION ALL
        SELECT concat_ws(' ', 'registry_humanpoints', id, xmin) FROM registry_humanpoints
            WHERE address = $1
        UNION ALL
        SELECT concat_ws(' ', 'registry_humanpointscommunityqualifiedusers', id, xmin)
            FROM registry_humanpointscommunityqualifiedusers WHERE address = $1
        UNION ALL
        SELECT concat_ws(' ', 'ceramic_cache_ceramiccache', id, xmin) FROM ceramic_cache_ceramiccache
            WHERE address = $1 AND deleted_at IS NULL
        UNION ALL
        SELECT concat_ws(' ', 'account_accountapikey', id, xmin) FROM account_accountapikey
            WHERE prefix = ANY($2)
    ) AS versions
