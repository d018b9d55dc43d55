-- Soft-deletes the live rows of some providers of an address.
-- $1 address, $2 providers, $3 whether only rows of type 1, $4 the instant
WITH live AS (
    SELECT id, updated_at FROM ceramic_cache_ceramiccache
    WHERE address = $1 AND provider = ANY ($2::text[]) AND deleted_at IS NULL AND (type = 1 OR NOT $3)
),
removed AS (
    UPDATE ceramic_cache_ceramiccache cached SET deleted_at = $4, updated_at = $4
    FROM live WHERE cached.id = live.id AND cached.deleted_at IS NULL
    RETURNING cached.id
)
SELECT live.id, live.updated_at FROM live JOIN removed ON removed.id = live.id ORDER BY live.id
