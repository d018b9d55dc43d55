-- The rows that remove_stamps.sql would delete, and whether a row deleted at the same instant is in
-- the way of it.
-- $1 address, $2 providers, $3 whether only rows of type 1, $4 the instant
SELECT live.id, live.updated_at,
       EXISTS (SELECT FROM ceramic_cache_ceramiccache dead
               WHERE dead.address = $1 AND dead.type = live.type AND dead.provider = live.provider
                 AND dead.deleted_at = $4) AS occupied
FROM ceramic_cache_ceramiccache live
WHERE live.address = $1 AND live.provider = ANY ($2::text[]) AND live.deleted_at IS NULL
  AND (live.type = 1 OR NOT $3)
ORDER BY live.id
