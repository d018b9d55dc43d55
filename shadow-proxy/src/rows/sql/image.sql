-- The rows that a request about an address may have changed, in one statement and hence as of one
-- instant. `own` says whether a row was reached by the address and not by its number or hash.
--
-- $1 address, lower case                   $6 nullifiers of links that the candidate creates
-- $2 prefixes of the API keys in it        $7 numbers of links to look at, whoever owns them
-- $3 path of the request, decoded          $8 numbers of stamps that were live before
-- $4 last event before the request         $9 most rows
-- $5 last logged call before the request
WITH passports AS (
    SELECT id FROM registry_passport WHERE address = $1
)
SELECT relation, id, version, own, row FROM (
    SELECT 'registry_passport' AS relation, t.id::text AS id, t.xmin::text AS version, true AS own,
        row_to_json(t)::text AS row
    FROM registry_passport t WHERE t.address = $1
    UNION ALL
    SELECT 'registry_score', t.id::text, t.xmin::text, true, row_to_json(t)::text
    FROM registry_score t WHERE t.passport_id IN (SELECT id FROM passports)
    UNION ALL
    SELECT 'registry_stamp', t.id::text, t.xmin::text, true, row_to_json(t)::text
    FROM registry_stamp t WHERE t.passport_id IN (SELECT id FROM passports)
    UNION ALL
    SELECT 'registry_hashscorerlink', t.id::text, t.xmin::text, t.address = $1, row_to_json(t)::text
    FROM registry_hashscorerlink t WHERE t.address = $1 OR t.hash = ANY($6) OR t.id = ANY($7)
    UNION ALL
    SELECT 'registry_humanpoints', t.id::text, t.xmin::text, true, row_to_json(t)::text
    FROM registry_humanpoints t WHERE t.address = $1
    UNION ALL
    SELECT 'registry_humanpointscommunityqualifiedusers', t.id::text, t.xmin::text, true,
        row_to_json(t)::text
    FROM registry_humanpointscommunityqualifiedusers t WHERE t.address = $1
    UNION ALL
    SELECT 'ceramic_cache_ceramiccache', t.id::text, t.xmin::text, true, row_to_json(t)::text
    FROM ceramic_cache_ceramiccache t
    WHERE (t.address = $1 AND t.deleted_at IS NULL) OR t.id = ANY($8)
    UNION ALL
    SELECT 'registry_event', t.id::text, t.xmin::text, true, row_to_json(t)::text
    FROM registry_event t WHERE t.id > $4 AND t.address = $1
    UNION ALL
    SELECT 'account_accountapikeyanalytics', t.id::text, t.xmin::text, true, row_to_json(t)::text
    FROM account_accountapikeyanalytics t WHERE t.id > $5 AND t.path = $3
    UNION ALL
    SELECT 'account_accountapikey', t.id, t.xmin::text, true, row_to_json(t)::text
    FROM account_accountapikey t WHERE t.prefix = ANY($2)
) rows
ORDER BY relation, id
LIMIT $9
