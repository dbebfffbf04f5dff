CREATE TABLE annotations (
    tenant text NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    origin text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX annotations_page ON annotations (tenant, created_at DESC, (id::text) DESC);

-- One row, written about once a second by the control plane: its age on a replica is the replay delay.
CREATE TABLE heartbeat (
    id smallint PRIMARY KEY CHECK (id = 1),
    at timestamptz NOT NULL,
    node text NOT NULL
);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    tenant text,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_tenant ON audit (tenant, at DESC);
