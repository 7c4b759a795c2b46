-- Who changed what: one row for each change of a watched row, written by trigger, so that no code path can forget it.

CREATE TABLE api_audit_logs (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  occurred_at   timestamptz NOT NULL DEFAULT now(),
  table_name    text NOT NULL,
  row_id        uuid,
  row_key       text,
  action        text NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE')),
  changes       jsonb NOT NULL,
  actor_user_id uuid,
  actor_driver_id uuid,
  actor_roles   text NOT NULL,
  request_id    text,
  CONSTRAINT api_audit_logs_row CHECK (num_nonnulls(row_id, row_key) = 1)
);
COMMENT ON COLUMN api_audit_logs.changes IS 'by column: [before, after]; "hidden" stands for a personal value that was set or taken away';
COMMENT ON COLUMN api_audit_logs.actor_roles IS 'the roles that the change was made with; empty when it was made around the server';
CREATE INDEX api_audit_logs_row ON api_audit_logs (table_name, row_id, id DESC);
CREATE INDEX api_audit_logs_actor ON api_audit_logs (actor_user_id, id DESC) WHERE actor_user_id IS NOT NULL;
CREATE INDEX api_audit_logs_occurred ON api_audit_logs USING brin (occurred_at);

-- Arguments: columns whose values are personal (the trail says that they changed, never to what), then columns that only keep
-- the books (a change of nothing else is no change). Each a list with commas.
CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  hidden text[] := string_to_array(TG_ARGV[0], ',');
  bookkeeping text[] := string_to_array(TG_ARGV[1], ',');
  was jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
  becomes jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
  changed jsonb;
  row jsonb := CASE WHEN TG_OP = 'DELETE' THEN was ELSE becomes END;
BEGIN
  SELECT jsonb_object_agg(key, CASE WHEN key = ANY (hidden)
      THEN jsonb_build_array(
        CASE WHEN coalesce(b.value, 'null') <> 'null' THEN 'hidden' END, CASE WHEN coalesce(a.value, 'null') <> 'null' THEN 'hidden' END)
      ELSE jsonb_build_array(b.value, a.value) END)
  INTO changed
  FROM jsonb_each(was) AS b FULL JOIN jsonb_each(becomes) AS a USING (key)
  WHERE coalesce(a.value, 'null') <> coalesce(b.value, 'null') AND NOT key = ANY (bookkeeping);
  IF changed IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO api_audit_logs (table_name, row_id, row_key, action, changes, actor_user_id, actor_driver_id, actor_roles, request_id)
  VALUES (TG_TABLE_NAME, (row ->> 'id')::uuid, CASE WHEN row ->> 'id' IS NULL THEN row ->> 'key' END, TG_OP, changed,
    nullif(current_setting('app.user_id', true), '')::uuid, nullif(current_setting('app.driver_id', true), '')::uuid,
    coalesce(current_setting('app.roles', true), ''), nullif(current_setting('app.request_id', true), ''));
  RETURN NULL;
END
$$;

CREATE TRIGGER orders_audit AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION audit_row(
  'contact_name,contact_phone,contact_email,pickup_line1,pickup_lat,pickup_lng,notes,parcel_barcode', 'last_event_no,version,created_at,updated_at');
CREATE TRIGGER shipments_audit AFTER INSERT OR UPDATE OR DELETE ON shipments FOR EACH ROW EXECUTE FUNCTION audit_row(
  'courier_notes', 'version,created_at,updated_at');
CREATE TRIGGER drivers_audit AFTER INSERT OR UPDATE OR DELETE ON drivers FOR EACH ROW EXECUTE FUNCTION audit_row(
  'compliance_flags', 'version,created_at,updated_at');
CREATE TRIGGER message_threads_audit AFTER INSERT OR UPDATE OR DELETE ON message_threads FOR EACH ROW EXECUTE FUNCTION audit_row(
  'subject', 'last_message_at,version,created_at,updated_at');
-- Not in the design's list, and what an auditor asks for first: who switched what.
CREATE TRIGGER system_settings_audit AFTER INSERT OR UPDATE OR DELETE ON system_settings FOR EACH ROW EXECUTE FUNCTION audit_row(
  '', 'version,updated_at,updated_by');
CREATE TRIGGER feature_flags_audit AFTER INSERT OR UPDATE OR DELETE ON feature_flags FOR EACH ROW EXECUTE FUNCTION audit_row(
  '', 'version,updated_at,updated_by');

GRANT SELECT ON api_audit_logs TO dropmate_app;
