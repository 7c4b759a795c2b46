-- The second wall: what a role may see and change of people's data, whatever the code above it asks for. The first wall is the
-- code (src/identity/Principal.ts, the repos' own conditions); each is tested with the other one off.
--
-- Who asks is in settings that are local to the transaction (src/persistence/RowScope.ts). Without them nothing is seen.

CREATE FUNCTION scope_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;
CREATE FUNCTION scope_driver_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('app.driver_id', true), '')::uuid $$;
CREATE FUNCTION scope_customer_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('app.customer_id', true), '')::uuid $$;
CREATE FUNCTION scope_has_role(VARIADIC wanted text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT string_to_array(coalesce(current_setting('app.roles', true), ''), ',') && wanted $$;
-- Whoever works for the business, and the server itself (`system`).
CREATE FUNCTION scope_is_staff() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT scope_has_role('system', 'admin', 'dispatcher', 'support') $$;

-- These look through the policies of the tables that they read (they run as the owner): a policy that asked a table whose policy
-- asks back would never end. In plpgsql, which plans once for each connection: PostgreSQL before 18 plans a function of SQL anew in
-- each statement that calls it, and that was most of what a driver's statements cost (4 ms of 4.3). Their COST is what they take,
-- ten times what the planner assumes: else it asks them of every shipment, to spare itself a few look-ups by key.
--
-- A driver sees the order of a parcel that is offered to them or in their hands, and for a day what they had: the log of an
-- offline phone may come late.
CREATE FUNCTION scope_carries_order(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
DECLARE
  driver uuid := scope_driver_id();
  shipment record;
BEGIN
  IF driver IS NULL THEN
    RETURN false;
  END IF;
  -- In two steps, so that no plan begins with all that the driver ever had.
  SELECT s.id, s.status IN ('failed', 'returning') AS comes_back INTO shipment FROM shipments s WHERE s.order_id = wanted;
  RETURN EXISTS (SELECT FROM driver_assignments a WHERE a.shipment_id = shipment.id AND a.driver_id = driver
    AND (a.ended_at IS NULL OR a.ended_at > now() - interval '1 day' OR a.status = 'failed' AND shipment.comes_back));
END
$$;
CREATE FUNCTION scope_has_order(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM orders o WHERE o.id = wanted
    AND (o.customer_id = scope_customer_id() OR o.placed_by = scope_user_id())) OR scope_carries_order(wanted);
END
$$;
CREATE FUNCTION scope_has_shipment(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM shipments s WHERE s.id = wanted AND scope_has_order(s.order_id));
END
$$;
-- What is paid is the buyer's business, and not the driver's.
CREATE FUNCTION scope_bought_order(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM orders o WHERE o.id = wanted
    AND (o.customer_id = scope_customer_id() OR o.placed_by = scope_user_id()));
END
$$;
CREATE FUNCTION scope_has_payment(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM payments p WHERE p.id = wanted AND scope_bought_order(p.order_id));
END
$$;
CREATE FUNCTION scope_has_thread(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM message_threads t WHERE t.id = wanted AND t.deleted_at IS NULL
    AND (t.customer_id = scope_customer_id() OR t.context_type = 'order' AND scope_has_order(t.context_id)));
END
$$;
CREATE FUNCTION scope_has_address(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM orders o WHERE o.delivery_address_id = wanted
    AND (o.placed_by = scope_user_id() OR scope_carries_order(o.id)));
END
$$;
CREATE FUNCTION scope_has_file(wanted uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN EXISTS (SELECT FROM message_attachments a JOIN messages m ON m.id = a.message_id
    WHERE a.file_id = wanted AND m.deleted_at IS NULL AND scope_has_thread(m.thread_id))
    OR EXISTS (SELECT FROM proofs p WHERE p.file_id = wanted AND scope_has_order(p.order_id))
    -- A phone's socket knows its driver and not the user.
    OR EXISTS (SELECT FROM files f JOIN drivers d ON d.user_id = f.uploaded_by WHERE f.id = wanted AND d.id = scope_driver_id());
END
$$;

-- All that a driver is told of who gets the parcel; their row and their number are not for drivers.
CREATE FUNCTION order_first_name(wanted uuid) RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp COST 1000 AS $$
BEGIN
  RETURN (
    SELECT split_part(btrim(coalesce(o.contact_name, (SELECT c.name FROM customers c WHERE c.id = o.customer_id))), ' ', 1)
    FROM orders o WHERE o.id = wanted AND (scope_carries_order(o.id) OR scope_is_staff()));
END
$$;

-- One rule for each table: who has the row. Staff have every row; `(SELECT ...)` is asked once for a statement, not for a row.
-- The same rule holds for what is written. Jobs and the owner are let through by name: FORCE would otherwise stop the owner too.
DO $$
DECLARE
  rule record;
BEGIN
  FOR rule IN SELECT * FROM (VALUES
    ('users', 'id = (SELECT scope_user_id())'),
    ('user_roles', 'user_id = (SELECT scope_user_id())'),
    ('auth_sessions', 'user_id = (SELECT scope_user_id())'),
    ('customers', 'id = (SELECT scope_customer_id()) OR user_id = (SELECT scope_user_id())'),
    ('wechat_accounts', 'id IN (SELECT c.wechat_account_id FROM customers c WHERE c.id = (SELECT scope_customer_id()))'),
    ('vehicles', 'id IN (SELECT p.vehicle_id FROM driver_profiles p WHERE p.driver_id = (SELECT scope_driver_id()))'),
    ('drivers', 'id = (SELECT scope_driver_id()) OR user_id = (SELECT scope_user_id())'),
    ('driver_profiles', 'driver_id = (SELECT scope_driver_id())'),
    ('driver_devices', 'driver_id = (SELECT scope_driver_id())'),
    ('driver_sessions', 'driver_id = (SELECT scope_driver_id())'),
    ('driver_duty_changes', 'driver_id = (SELECT scope_driver_id())'),
    ('driver_commands', 'driver_id = (SELECT scope_driver_id())'),
    ('driver_ingest_cursors', 'driver_id = (SELECT scope_driver_id())'),
    ('telemetry_quarantine', 'driver_id = (SELECT scope_driver_id())'),
    ('delivery_addresses', 'customer_id = (SELECT scope_customer_id()) OR scope_has_address(id)'),
    ('orders', 'customer_id = (SELECT scope_customer_id()) OR placed_by = (SELECT scope_user_id()) OR scope_carries_order(id)'),
    ('order_items', 'scope_has_order(order_id)'),
    ('payments', 'scope_bought_order(order_id)'),
    ('payment_attempts', 'scope_has_payment(payment_id)'),
    ('payment_operations', 'scope_has_payment(payment_id)'),
    ('refunds', 'scope_has_payment(payment_id)'),
    ('shipments', 'scope_has_order(order_id)'),
    ('driver_assignments', 'driver_id = (SELECT scope_driver_id()) OR scope_has_shipment(shipment_id)'),
    ('delivery_runs', 'driver_id = (SELECT scope_driver_id())'),
    ('route_stops', 'scope_has_shipment(shipment_id) OR run_id IN (SELECT r.id FROM delivery_runs r WHERE r.driver_id = (SELECT scope_driver_id()))'),
    ('run_givings', 'false'),
    ('shipment_events', 'scope_has_order(order_id)'),
    ('outbox', 'false'),
    ('tracking_sessions', 'customer_id = (SELECT scope_customer_id()) OR created_by = (SELECT scope_user_id())'),
    ('files', 'customer_id = (SELECT scope_customer_id()) OR uploaded_by = (SELECT scope_user_id()) OR scope_has_file(id)'),
    ('proofs', 'driver_id = (SELECT scope_driver_id()) OR scope_has_order(order_id)'),
    ('message_threads', 'customer_id = (SELECT scope_customer_id()) OR context_type = ''order'' AND scope_has_order(context_id)'),
    ('messages', 'scope_has_thread(thread_id)'),
    ('message_attachments', 'EXISTS (SELECT FROM messages m WHERE m.id = message_id)'),
    ('message_reads', 'user_id = (SELECT scope_user_id()) OR user_id = (SELECT d.user_id FROM drivers d WHERE d.id = (SELECT scope_driver_id()))'),
    ('ad_impressions', 'customer_id = (SELECT scope_customer_id())'),
    ('idempotency_keys', 'client_scope = ''user:'' || (SELECT scope_user_id())::text'),
    ('background_jobs', 'false'),
    ('webhooks', 'false'),
    ('webhook_events', 'false'),
    ('driver_location_hours', 'driver_id = (SELECT scope_driver_id())'),
    ('api_audit_logs', 'false')
  ) AS rules (table_name, has_row)
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', rule.table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', rule.table_name);
    EXECUTE format('CREATE POLICY app ON %I TO dropmate_app USING ((SELECT scope_is_staff()) OR %s)', rule.table_name, rule.has_row);
    EXECUTE format('CREATE POLICY jobs ON %I TO dropmate_jobs USING (true)', rule.table_name);
    EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true)', rule.table_name);
  END LOOP;
END
$$;

-- Read by whom they are about, written by staff alone: with the rule above somebody could grant themselves a role.
ALTER POLICY app ON user_roles WITH CHECK ((SELECT scope_is_staff()));
ALTER POLICY app ON vehicles WITH CHECK ((SELECT scope_is_staff()));

-- A stop of a shipment is history; only breaks go away, and only staff take them.
CREATE POLICY app_delete ON route_stops AS RESTRICTIVE FOR DELETE TO dropmate_app USING (stop_type = 'break' AND (SELECT scope_is_staff()));

-- The writer opens the sessions of phones for whoever holds a driver's token; its grants name the columns.
CREATE POLICY writer ON users FOR SELECT TO dropmate_writer USING (true);
CREATE POLICY writer ON drivers FOR SELECT TO dropmate_writer USING (true);
CREATE POLICY writer ON driver_devices TO dropmate_writer USING (true);
CREATE POLICY writer ON driver_sessions TO dropmate_writer USING (true);
CREATE POLICY writer ON driver_duty_changes FOR SELECT TO dropmate_writer USING (true);

CREATE POLICY writer ON driver_ingest_cursors TO dropmate_writer USING (true);
CREATE POLICY writer ON telemetry_quarantine TO dropmate_writer USING (true);

-- Points have no row security: COPY FROM refuses a table that has it for whoever copies. The application reads them through this
-- view instead, which lets through what a policy would (ADR 0080).
REVOKE SELECT ON driver_location_events FROM dropmate_app;
CREATE VIEW driver_points WITH (security_barrier = true) AS
SELECT * FROM driver_location_events WHERE (SELECT scope_is_staff()) OR driver_id = (SELECT scope_driver_id());
GRANT SELECT ON driver_points TO dropmate_app;
