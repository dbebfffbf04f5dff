-- When somebody first acknowledged an incident, and when it was closed. Set with the status by whoever changes it:
-- updated_at cannot tell, because correlation moves it too.
ALTER TABLE incidents ADD COLUMN acknowledged_at timestamptz, ADD COLUMN closed_at timestamptz;

CREATE FUNCTION incident_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('acknowledged', 'closed') AND NEW.acknowledged_at IS NULL THEN
        NEW.acknowledged_at := now();
    END IF;
    IF NEW.status = 'closed' AND NEW.closed_at IS NULL THEN
        NEW.closed_at := now();
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER incident_times BEFORE UPDATE OF status ON incidents FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION incident_times();

CREATE INDEX incidents_recent ON incidents (created_at DESC);
