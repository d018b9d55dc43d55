-- Inserts stamps in the order given.
-- $1 address, $2 providers, $3 stamps, $4 proof values, $5 issuance dates, $6 expiration dates,
-- $7 the instant, $8 source app, $9 source scorer, $10 type
INSERT INTO ceramic_cache_ceramiccache (
    address, provider, stamp, proof_value, issuance_date, expiration_date, created_at, updated_at,
    type, deleted_at, compose_db_save_status, compose_db_stream_id, source_app, source_scorer_id)
SELECT $1, stamp.provider, stamp.credential::jsonb, stamp.proof_value, stamp.issuance_date,
       stamp.expiration_date, $7, $7, $10, NULL, 'pending', '', $8, $9
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    WITH ORDINALITY AS stamp (provider, credential, proof_value, issuance_date, expiration_date, ord)
ORDER BY stamp.ord
RETURNING id
