-- What is kept for how long, and how its partitions come and go. Making is for every role that writes; detaching and dropping
-- need the owner, outside a transaction (src/persistence/partitions/PartitionStore.ts).

-- One row for each partitioned table. `keep` counts from the end of a partition.
CREATE TABLE retention_policies (
  table_name  text PRIMARY KEY,
  period      text NOT NULL CHECK (period IN ('day', 'month')),
  keep        interval NOT NULL CHECK (keep >= interval '1 day'),
  is_archived boolean NOT NULL DEFAULT false,
  version     bigint NOT NULL DEFAULT 1,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  updated_by  uuid REFERENCES users ON DELETE SET NULL
);
COMMENT ON COLUMN retention_policies.period IS 'what one partition holds, in UTC';
COMMENT ON COLUMN retention_policies.is_archived IS 'a partition is written to the archive before it is dropped; while that fails it stays';
CREATE TRIGGER retention_policies_touch BEFORE UPDATE ON retention_policies FOR EACH ROW EXECUTE FUNCTION touch_row();

INSERT INTO retention_policies (table_name, period, keep, is_archived) VALUES
  ('driver_location_events', 'day', '30 days', false),
  ('shipment_events', 'month', '24 months', false),
  ('ad_impressions', 'month', '13 months', false),
  ('webhook_events', 'month', '3 months', false);

-- Makes the partition of the month that holds a day (UTC) if it is missing; says whether it had to. LIKE and ATTACH lock the
-- parent far less than CREATE ... PARTITION OF; the advisory lock lets two writers ask at once.
CREATE FUNCTION ensure_month(parent text, day date) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  first date := date_trunc('month', day)::date;
  partition text := parent || '_' || to_char(first, 'YYYYMM');
BEGIN
  IF NOT EXISTS (SELECT FROM retention_policies WHERE table_name = parent AND period = 'month') THEN
    RAISE undefined_table USING MESSAGE = format('%s is not partitioned by month', parent);
  END IF;
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('dropmate'), hashtext(parent));
  -- Not to_regclass again: it remembers that there was no such table, and waiting for the lock does not make it look anew.
  IF EXISTS (SELECT FROM pg_class WHERE relname = partition AND relnamespace = 'public'::regnamespace) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    parent, partition, first::timestamptz, (first + interval '1 month')::timestamptz);
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION ensure_month(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_month(text, date) TO dropmate_app, dropmate_jobs;

-- Every partition that there is, with its bounds as the catalog has them. `is_detaching`: DETACH CONCURRENTLY was cut off in
-- its middle and wants DETACH ... FINALIZE.
CREATE VIEW partitions AS
SELECT policy.table_name, child.relname::text AS partition, bounds[1]::timestamptz AS from_at, bounds[2]::timestamptz AS until_at,
  bounds[2]::timestamptz + policy.keep < now() AS is_expired, inhdetachpending AS is_detaching,
  pg_total_relation_size(child.oid) AS bytes, greatest(child.reltuples, 0)::bigint AS rows_estimated
FROM retention_policies policy
JOIN pg_class parent ON parent.relname = policy.table_name AND parent.relnamespace = 'public'::regnamespace
JOIN pg_inherits ON inhparent = parent.oid
JOIN pg_class child ON child.oid = inhrelid
CROSS JOIN LATERAL regexp_match(pg_get_expr(child.relpartbound, child.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') AS bounds;

GRANT SELECT ON retention_policies, partitions TO dropmate_app, dropmate_jobs;
GRANT UPDATE ON retention_policies TO dropmate_app;
