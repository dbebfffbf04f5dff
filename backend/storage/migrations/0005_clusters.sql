-- The database cluster that keeps a tenant's data; NULL is the deployment's first one, which is also the home of the
-- directory: tenants, tenant_sla_config and api_tokens, of which every other cluster keeps a copy.
ALTER TABLE tenant_sla_config
    ADD COLUMN cluster text CHECK (cluster ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');

-- Which cluster this is, written by the first service that connects: connection strings that are mixed up are found
-- out by it.
CREATE TABLE cluster_identity (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    is_first boolean NOT NULL
);

-- A tenant's data is in its own cluster and nowhere else, whoever writes and whatever its configuration says. Once for
-- a statement, not for each row.
CREATE FUNCTION stay_in_cluster() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stray record;
BEGIN
    SELECT n.tenant, coalesce(s.cluster, 'the first one') AS belongs, coalesce(i.name, 'not named yet') AS here INTO stray
        FROM arrived n
        JOIN tenant_sla_config s ON s.tenant = n.tenant
        LEFT JOIN cluster_identity i ON i.only_one
        WHERE CASE WHEN s.cluster IS NULL THEN NOT coalesce(i.is_first, true)
            ELSE s.cluster IS DISTINCT FROM i.name END
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the data of tenant % belongs to another database cluster (%) than this one (%)',
            stray.tenant, stray.belongs, stray.here
            USING HINT = 'give the service that wrote this the connection string of that cluster (AISOC_DATABASES)';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER stay_in_cluster AFTER INSERT ON incidents
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION stay_in_cluster();
CREATE TRIGGER stay_in_cluster AFTER INSERT ON alerts
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION stay_in_cluster();
CREATE TRIGGER stay_in_cluster AFTER INSERT ON investigations
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION stay_in_cluster();
CREATE TRIGGER stay_in_cluster AFTER INSERT ON annotations
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION stay_in_cluster();
CREATE TRIGGER stay_in_cluster AFTER INSERT ON audit
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION stay_in_cluster();
