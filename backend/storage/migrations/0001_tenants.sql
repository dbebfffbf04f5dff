CREATE TABLE tenants (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tenant_sla_config (
    tenant text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    home_region text NOT NULL,
    -- Regions the tenant's events may be sent to; empty means all of them.
    residency text[] NOT NULL DEFAULT '{}',
    -- Minutes to acknowledge, by alert level.
    acknowledge_minutes jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Tokens are kept as SHA-256 only: reading this table gives nobody access.
CREATE TABLE api_tokens (
    token_sha256 text PRIMARY KEY CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    tenant text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
