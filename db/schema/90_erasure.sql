-- The right to be forgotten.

-- What may stay of an event's data: ids, numbers, codes and times. A new key is personal until it is named here.
CREATE FUNCTION impersonal_event_data(data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(jsonb_object_agg(key, CASE
      WHEN key = 'proof' THEN jsonb_build_object('type', value -> 'type')
      WHEN key = 'proofs' THEN (SELECT jsonb_agg(jsonb_build_object('type', each -> 'type')) FROM jsonb_array_elements(value) AS each)
      ELSE value END), '{}')
  FROM jsonb_each(data)
  WHERE key = ANY (ARRAY['assignment_id', 'driver_id', 'fencing_token', 'replaces', 'offers', 'assignment_ids', 'to_driver_id', 'window_start', 'window_end', 'stops', 'proof', 'proofs', 'proof_id', 'type', 'thread_id', 'message_id', 'author_role', 'reason_code', 'p50_at', 'p90_at', 'computed_at', 'source',
    'payment_id', 'refund_id', 'amount', 'currency', 'failure_code'])
$$;

-- Takes away everything that tells who a customer is, and keeps what the business counts by: that an order was placed, what it
-- cost, when it was delivered. Cannot be undone. Answers what it did, as JSON:
-- {customer_id, erased_at, already_erased, rows: {table: rows changed}, files: [{id, bucket, key}]}; the bytes of `files` are to be
-- taken from the storage. A second call changes nothing and says so. Refused (DM002) while an order is under way: the parcel could
-- not find its door any more.
CREATE FUNCTION erase_customer(in_customer_id uuid) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  subject customers%ROWTYPE;
  his_orders uuid[];
  his_shipments uuid[];
  his_threads uuid[];
  files_gone jsonb;
  rows jsonb := '{}';
  changed bigint;
BEGIN
  SELECT * INTO subject FROM customers WHERE id = in_customer_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE no_data_found USING MESSAGE = format('there is no customer %s', in_customer_id);
  END IF;
  IF subject.erased_at IS NOT NULL THEN
    RETURN jsonb_build_object('customer_id', in_customer_id, 'erased_at', subject.erased_at, 'already_erased', true, 'rows', '{}'::jsonb, 'files', '[]'::jsonb);
  END IF;
  SELECT coalesce(array_agg(id), '{}') INTO his_orders FROM orders
  WHERE customer_id = in_customer_id OR placed_by = subject.user_id AND customer_id IS NULL;
  IF EXISTS (SELECT FROM orders WHERE id = ANY (his_orders) AND status IN ('submitted', 'confirmed')) THEN
    RAISE EXCEPTION USING ERRCODE = 'DM002', MESSAGE = format('customer %s has an order under way', in_customer_id);
  END IF;
  SELECT coalesce(array_agg(id), '{}') INTO his_shipments FROM shipments WHERE order_id = ANY (his_orders);
  SELECT coalesce(array_agg(id), '{}') INTO his_threads FROM message_threads
  WHERE customer_id = in_customer_id OR context_type = 'order' AND context_id = ANY (his_orders);

  UPDATE customers SET name = 'Erased', marketing_opt_in = false, wechat_account_id = NULL, deleted_at = coalesce(deleted_at, now()),
    erased_at = now() WHERE id = in_customer_id;
  rows := rows || '{"customers": 1}';

  DELETE FROM wechat_accounts WHERE id = subject.wechat_account_id;
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('wechat_accounts', changed);

  -- Also ends every session of theirs: each node hears of it (announce_disabled_user).
  UPDATE users SET email = NULL, phone = NULL, name = 'Erased', password_hash = NULL, status = 'disabled', deleted_at = coalesce(deleted_at, now())
  WHERE id = subject.user_id
    AND NOT EXISTS (SELECT FROM drivers d WHERE d.user_id = subject.user_id AND d.deleted_at IS NULL)
    AND NOT EXISTS (SELECT FROM user_roles r WHERE r.user_id = subject.user_id AND r.role IN ('driver', 'dispatcher', 'admin', 'support'));
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('users', changed);
  IF changed = 1 THEN
    DELETE FROM auth_sessions WHERE user_id = subject.user_id;
    GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('auth_sessions', changed);
    DELETE FROM user_roles WHERE user_id = subject.user_id;
    GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('user_roles', changed);
  ELSE
    -- They work here as well: the account stays, as an employee's.
    DELETE FROM user_roles WHERE user_id = subject.user_id AND role = 'customer';
    GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('user_roles', changed);
  END IF;

  -- A tenth of a degree is some 10 km: enough to know which city was served.
  UPDATE delivery_addresses SET label = NULL, line1 = 'Erased', line2 = NULL, postal_code = NULL, instructions = NULL,
    lat = round(lat::numeric, 1), lng = round(lng::numeric, 1), deleted_at = coalesce(deleted_at, now())
  WHERE customer_id = in_customer_id OR id IN (SELECT delivery_address_id FROM orders WHERE id = ANY (his_orders));
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('delivery_addresses', changed);

  UPDATE orders SET contact_name = NULL, contact_phone = NULL, contact_email = NULL, notes = NULL, parcel_barcode = NULL, pickup_line1 = NULL,
    pickup_lat = round(pickup_lat::numeric, 1), pickup_lng = round(pickup_lng::numeric, 1)
  WHERE id = ANY (his_orders);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('orders', changed);

  UPDATE shipments SET courier_notes = NULL WHERE id = ANY (his_shipments) AND courier_notes IS NOT NULL;
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('shipments', changed);

  UPDATE route_stops SET address = NULL, lat = round(lat::numeric, 1), lng = round(lng::numeric, 1) WHERE shipment_id = ANY (his_shipments);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('route_stops', changed);

  -- Of an event's data stays what the fold of the timeline needs: ids, numbers, times and codes. Free text, places and proofs go.
  UPDATE shipment_events SET data = impersonal_event_data(data) WHERE order_id = ANY (his_orders) AND data <> impersonal_event_data(data);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('shipment_events', changed);

  UPDATE refunds SET reason = NULL WHERE reason IS NOT NULL
    AND payment_id IN (SELECT id FROM payments WHERE order_id = ANY (his_orders));
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('refunds', changed);

  DELETE FROM tracking_sessions WHERE order_id = ANY (his_orders) OR customer_id = in_customer_id;
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('tracking_sessions', changed);

  -- What drivers and staff wrote to them speaks of them as well.
  WITH attached AS (
    DELETE FROM message_attachments a USING messages m WHERE m.id = a.message_id AND m.thread_id = ANY (his_threads) RETURNING a.file_id
  ), gone AS (
    UPDATE files SET deleted_at = coalesce(deleted_at, now()), name = NULL, customer_id = NULL
    WHERE customer_id = in_customer_id OR id IN (SELECT file_id FROM attached)
      OR id IN (SELECT file_id FROM proofs WHERE order_id = ANY (his_orders)) RETURNING id, bucket, key
  )
  SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'bucket', bucket, 'key', key)), '[]'), count(*) INTO files_gone, changed FROM gone;
  rows := rows || jsonb_build_object('files', changed);
  -- That there was a proof stays; what it showed does not.
  UPDATE proofs SET value = NULL, file_id = NULL WHERE order_id = ANY (his_orders);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('proofs', changed);
  UPDATE messages SET body = 'Erased', author_customer_id = NULL, deleted_at = coalesce(deleted_at, now()) WHERE thread_id = ANY (his_threads);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('messages', changed);
  UPDATE message_threads SET subject = NULL, customer_id = NULL, deleted_at = coalesce(deleted_at, now()) WHERE id = ANY (his_threads);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('message_threads', changed);

  UPDATE ad_impressions SET customer_id = NULL WHERE customer_id = in_customer_id;
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('ad_impressions', changed);

  -- Stored answers repeat what was sent, and payloads what was told.
  DELETE FROM idempotency_keys WHERE client_scope = 'user:' || subject.user_id
    OR convert_from(response_body, 'UTF8') ~ ANY (SELECT replace(id::text, '-', '-?') FROM unnest(his_orders || his_shipments || in_customer_id) AS id);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('idempotency_keys', changed);
  UPDATE webhook_events SET payload = '{}', last_error = NULL WHERE order_id = ANY (his_orders);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('webhook_events', changed);
  UPDATE background_jobs SET payload = '{}', last_error = NULL WHERE order_id = ANY (his_orders);
  GET DIAGNOSTICS changed = ROW_COUNT; rows := rows || jsonb_build_object('background_jobs', changed);

  RETURN jsonb_build_object('customer_id', in_customer_id, 'erased_at', now(), 'already_erased', false, 'rows', rows, 'files', files_gone);
END
$$;
REVOKE ALL ON FUNCTION erase_customer(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_customer(uuid) TO dropmate_jobs;
