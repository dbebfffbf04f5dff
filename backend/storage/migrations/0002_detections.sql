CREATE TABLE incidents (
    tenant text NOT NULL REFERENCES tenants (id),
    id text NOT NULL,
    -- The status belongs to people; correlation only ever moves it to 'merged'.
    status text NOT NULL CHECK (status IN ('open', 'acknowledged', 'closed', 'merged')),
    merged_into text,
    score double precision NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    body jsonb NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX incidents_page ON incidents (tenant, created_at DESC, id DESC);

CREATE TABLE alerts (
    tenant text NOT NULL REFERENCES tenants (id),
    id text NOT NULL,
    rule_id text NOT NULL,
    level text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    event_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    body jsonb NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX alerts_page ON alerts (tenant, created_at DESC, id DESC);
CREATE INDEX alerts_recent ON alerts (tenant, updated_at);

-- An alert is in one incident at a time; a merge moves it.
CREATE TABLE incident_alerts (
    tenant text NOT NULL,
    alert_id text NOT NULL,
    incident_id text NOT NULL,
    PRIMARY KEY (tenant, alert_id),
    FOREIGN KEY (tenant, alert_id) REFERENCES alerts (tenant, id) ON DELETE CASCADE
);
CREATE INDEX incident_alerts_incident ON incident_alerts (tenant, incident_id);

CREATE TABLE investigations (
    tenant text NOT NULL REFERENCES tenants (id),
    id text NOT NULL,
    alert_id text NOT NULL,
    verdict text NOT NULL,
    finished_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    body jsonb NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX investigations_page ON investigations (tenant, created_at DESC, id DESC);
CREATE INDEX investigations_alert ON investigations (tenant, alert_id);

-- Written in the same transaction as what was made of the records before the offset.
CREATE TABLE consumer_offsets (
    group_name text NOT NULL,
    region text NOT NULL,
    topic text NOT NULL,
    next_offset bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_name, region, topic)
);
