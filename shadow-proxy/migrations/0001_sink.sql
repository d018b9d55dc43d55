-- What several replicas of the proxy found, to be read as one. Everything stands in this schema.

-- One start of one replica, comparing by one set of rules. `question` names what is compared by
-- what: counts of different questions are never added up.
CREATE TABLE shadow_proxy.run (
    run text PRIMARY KEY,
    replica text NOT NULL,
    question text NOT NULL,
    began timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    standing text NOT NULL
);
CREATE INDEX run_of_question ON shadow_proxy.run (question);

-- Counts of one run on one route since it began, as JSON. They replace the row before them: written
-- twice, they count once.
CREATE TABLE shadow_proxy.route (
    run text NOT NULL REFERENCES shadow_proxy.run ON DELETE CASCADE,
    route text NOT NULL,
    counts text NOT NULL,
    test text NOT NULL,
    PRIMARY KEY (run, route)
);

-- What one run knows of one signature, as JSON; replaced like counts.
CREATE TABLE shadow_proxy.signature (
    run text NOT NULL REFERENCES shadow_proxy.run ON DELETE CASCADE,
    id text NOT NULL,
    signature text NOT NULL,
    known text NOT NULL,
    PRIMARY KEY (run, id)
);

-- The latest divergences, redacted, as lines of the journal. Text, because jsonb would refuse
-- \u0000 and write numbers anew.
CREATE TABLE shadow_proxy.divergence (
    run text NOT NULL REFERENCES shadow_proxy.run ON DELETE CASCADE,
    number bigint NOT NULL,
    entry bigint GENERATED ALWAYS AS IDENTITY,
    route text NOT NULL,
    signatures text[] NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (run, number)
);
CREATE INDEX divergence_by_entry ON shadow_proxy.divergence (entry);
CREATE INDEX divergence_by_signature ON shadow_proxy.divergence USING gin (signatures);

-- Changes of stage that hold for every replica.
CREATE TABLE shadow_proxy.stage_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run text NOT NULL,
    line text NOT NULL
);
